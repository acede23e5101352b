"""The names in a results repo: what a folder, a detector and a link may be called.

Whatever lies in a results repo was sent by strangers, and its names come to stand in terminals,
Markdown, HTML and spreadsheets. So the names themselves are plain, and nothing has to be undone.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from thb_dataset.hub.release import is_repo_name

RESULTS_FOLDER: Final = "results"
LONGEST_NAME: Final = 80
LONGEST_LINK: Final = 300

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_PLAIN: Final = " ._-+()/,"
_LINK: Final = re.compile(r"https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~/%?=&#:+-]*)?")


@dataclass(frozen=True, kw_only=True)
class SubmissionName:
    """The detector that a submission is of, and the folder that follows from it.

    Attributes:
        model: The model repo, ``org/name``.
        revision: The commit of its weights, 40 hex digits.
    """

    model: str
    revision: str

    @property
    def folder(self) -> str:
        """The folder of the submission in a results repo, with ``/`` between its parts."""
        return f"{RESULTS_FOLDER}/{self.model.replace('/', '__')}/{self.revision}"


def explain_model(model: str, revision: str) -> str | None:
    """Return what is wrong with the model and the revision of a submission; None if nothing is."""
    if not is_repo_name(model) or len(model) > LONGEST_NAME:
        return f"{model!r} is not the name of a model repo: it must be ORG/NAME"
    if "__" in model or any(part.strip("_") != part for part in model.split("/")):
        return (  # the folder's name could not be read back
            f"{model!r} holds low lines in a row or at an end, and two of them part ORG from NAME"
            " in a results repo"
        )
    if not is_commit(revision):
        return f"{revision!r} is not a commit: it must be the 40 hex digits of one"
    return None


def is_commit(revision: str) -> bool:
    """Return whether a text is the full name of a commit."""
    return _COMMIT.fullmatch(revision) is not None


def explain_text(text: str) -> str | None:
    """Return why a name may not stand on a board; None if it may.

    Letters and digits of any script may, and a few signs between them. What begins a formula,
    markup, an address of a person or a terminal's escape may not.
    """
    if not text or len(text) > LONGEST_NAME:
        return f"it must have 1 to {LONGEST_NAME} characters"
    if unicodedata.normalize("NFKC", text) != text:
        return "it holds letters that look like others (it is not in the form NFKC)"
    strange = sorted({char for char in text if not char.isalnum() and char not in _PLAIN})
    if strange:
        named = ", ".join(f"U+{ord(char):04X}" for char in strange[:5])
        return f"it holds {named}; letters, digits, spaces and {_PLAIN.strip()} are allowed"
    if not text[0].isalnum():
        return "it must begin with a letter or a digit"
    if "://" in text or text.lower().startswith("www."):
        return "it must not be a link"
    return None


def explain_link(link: str) -> str | None:
    """Return why a link may not stand on a board; None if it may."""
    if len(link) > LONGEST_LINK or not _LINK.fullmatch(link) or urlsplit(link).username:
        return f"it must be a plain https:// address of at most {LONGEST_LINK} characters"
    return None
