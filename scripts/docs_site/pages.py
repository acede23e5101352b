"""A hook of MkDocs: the pages of the site that are not files of ``docs/``, and its links.

Command pages are made of the code, and some pages are files from elsewhere in the repository. A
link of a page to a file outside ``docs/`` leads to that file's page, or else is only its text: the
site never links to what it does not hold. The built site is searched for requests to others.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mkdocs.structure.files import File

from scripts.docs_site.commands import (
    INDEX,
    list_command_pages,
    make_command_pages,
    write_exit_codes,
)
from scripts.docs_site.protocols import draw_protocols

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = {
    "SECURITY.md": "reference/security.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "metrics/talking_head_detection/README.md": "reference/metric.md",
    "README.md": "index.md",
}
"""Files outside ``docs/`` and their pages; README.md has no page of its own."""
SCHEMAS: Final = "thb/schemas"
_SCHEMAS_ON_SITE: Final = "schemas"
_MADE: Final = {
    "<!-- exit codes -->": write_exit_codes,
    "<!-- protocol diagram -->": draw_protocols,
}
"""What stands in a page for a part that is made of the code."""
_LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
_REQUEST: Final = re.compile(
    r"<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*>"
    r"|<link\b(?=[^>]*rel=[\"']?(?:stylesheet|preload|preconnect|icon))[^>]*href=[\"']?"
    r"(?:https?:)?//[^>]*>"
)

_log = logging.getLogger("mkdocs.hooks.docs_site")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the verbs of ``thb`` into the navigation, where it names their first page."""
    config.nav = [_unfold(part) for part in config.nav or []]
    return config


def _unfold(part: object) -> object:
    if isinstance(part, list):
        return [_unfold(entry) for entry in part]
    if isinstance(part, dict):
        return {title: _unfold(entry) for title, entry in part.items()}
    return list_command_pages() if part == INDEX else part


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and those that are files from elsewhere."""
    texts = make_command_pages()
    for source, page in PAGES.items():
        if source != "README.md":
            text = (ROOT / source).read_text(encoding="utf-8")
            texts[page] = _rewrite_links(_drop_front_matter(text), source, page)
    for page, text in texts.items():
        files.append(File.generated(config, page, content=text))
    for schema in sorted((ROOT / SCHEMAS).glob("*.json")):
        files.append(
            File.generated(config, f"{_SCHEMAS_ON_SITE}/{schema.name}", abs_src_path=str(schema))
        )
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the links of a page of ``docs/`` that leave the folder to where the site has them."""
    text = markdown
    for place, make in _MADE.items():
        if place in text:
            text = text.replace(place, make())
    if page.file.generated_by:
        return text
    return _rewrite_links(text, f"docs/{page.file.src_uri}", page.file.src_uri)


def on_post_build(config: MkDocsConfig) -> None:
    """Warn of every page that would make a reader's browser ask another server for something."""
    for path in sorted(Path(config.site_dir).rglob("*.html")):
        for request in _REQUEST.findall(path.read_text(encoding="utf-8")):
            _log.warning("%s asks another server: %s", path.name, request)


def _drop_front_matter(text: str) -> str:
    return re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)


def _rewrite_links(text: str, source: str, page: str) -> str:
    """Return Markdown whose links to files of the repository are links of the site.

    Args:
        text: The Markdown.
        source: The file that it stands in, from the root of the repository.
        page: Its page, from the root of the site's sources.
    """

    def rewrite(link: re.Match[str]) -> str:
        picture, shown, target, anchor = link.groups()
        if re.match(r"[a-z]+:", target):
            return link[0]
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if wanted.startswith(f"{SCHEMAS}/"):
            found = f"{_SCHEMAS_ON_SITE}/{posixpath.basename(wanted)}"
        elif wanted.startswith("docs/"):
            found = wanted.removeprefix("docs/")
        elif wanted in PAGES:
            found = PAGES[wanted]
        elif (ROOT / wanted).exists():
            return shown
        else:
            return link[0]  # MkDocs says that there is no such page
        here = posixpath.relpath(found, posixpath.dirname(page) or ".")
        return f"{picture}[{shown}]({here}{anchor or ''})"

    return _LINK.sub(rewrite, text)
