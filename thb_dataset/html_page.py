"""One HTML page that stands alone: it runs no script, fetches nothing, fits a phone and paper."""

from __future__ import annotations

import base64
from html import escape
from typing import Final

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 72rem;
padding: 0 1rem; color: #1a1a1a; background: #fff; overflow-wrap: anywhere }}
figure {{ margin: 0 }}
img {{ max-width: 100% }}
@media (prefers-color-scheme: dark) {{ body {{ color: #eee; background: #161616 }} }}
@media print {{ body {{ max-width: none; margin: 0; font-size: 10pt; color: #000;
background: #fff }} }}
{style}</style></head><body>
{body}
</body></html>
"""


def write_page(title: str, body: str, *, style: str = "") -> str:
    """Return a whole page.

    Args:
        title: The title, as plain text.
        body: The content, as HTML in which every foreign text is escaped.
        style: CSS rules that follow those of every page.
    """
    return _PAGE.format(title=escape(title), body=body, style=style)


def embed_picture(data: bytes, kind: str, *, alt: str) -> str:
    """Return an ``<img>`` that holds its picture.

    Args:
        data: The content of the file.
        kind: The kind after ``image/``: ``png``, ``jpeg`` or ``svg+xml``.
        alt: What the picture shows, as plain text.
    """
    text = base64.b64encode(data).decode("ascii")
    return f'<img alt="{escape(alt)}" src="data:image/{kind};base64,{text}">'
