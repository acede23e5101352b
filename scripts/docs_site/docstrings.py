"""An extension of Griffe: the roles of Sphinx in docstrings become plain code and links."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

import thb

_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc|obj):`(~?)([^`<>]+)`")


class PlainRoles(Extension):
    """Rewrites the docstring of every object that is shown."""

    def on_object(self, *, obj: Object, **_: Any) -> None:  # noqa: ANN401 — Griffe's own signature
        """Rewrite the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(_write_role, obj.docstring.value)


def _write_role(role: re.Match[str]) -> str:
    short, name = role.groups()
    last = name.rpartition(".")[2]
    shown = f"`{last if short else name}`"
    return f"[{shown}][thb.{last}]" if last in thb.__all__ else shown
