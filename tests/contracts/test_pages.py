"""What README.md and docs/ show is what there is: commands, names, variables, files."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from collections.abc import Iterator

import pytest
import yaml

import thb
from tests.support.command_line import parse
from tests.support.sources import PACKAGES, PRODUCTS, ROOT, Source, read_sources
from thb.cli import SUMMARIES

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text("utf-8") for page in PAGES}
BLOCK = re.compile(r"^( *)```(?:console|bash)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|-m |/bin/|&& |\|\| )thb( .*)")
OPTIONS_OF_LAUNCHERS = re.compile(r"^(?:\w+=\S+ )*(?:torchrun|accelerate launch|thb|\S*/bin/thb)\b")
NOT_SHOWN = {"TrainSettings"}
LARGEST_PICTURE = 120_000
LARGEST_PICTURES = 1_000_000


def find_commands(text: str) -> Iterator[str]:
    """Yield what stands after ``thb`` in the lines of a page's console blocks."""
    for _, block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            found = COMMAND.search(line.strip())
            if found and OPTIONS_OF_LAUNCHERS.match(line.strip()):
                words = found[1].partition("  #")[0].partition(" # ")[0]
                yield re.split(r" (?:&&|\|\||\|) ", words)[0].strip()


COMMANDS = [(page, line) for page, text in TEXTS.items() for line in find_commands(text)]


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_a_command_of_a_page_parses(page: str, line: str) -> None:
    words = shlex.split(line)
    if words in (["--help"], ["--version"]):
        return
    assert words[0] in SUMMARIES
    assert parse(words)


def test_the_pages_show_commands() -> None:
    shown = [page for page, _ in COMMANDS]
    assert shown.count("README.md") > 20
    assert {page for page in TEXTS if page.startswith("docs/howto/")} <= set(shown)
    assert {line.partition(" ")[0] for _, line in COMMANDS} - {"--help"} >= {"train", "board"}


def test_commands_are_found_in_every_form_in_which_they_are_written() -> None:
    page = "1. x\n\n    ```console\n    thb env  # versions\n    ```\n\n```bash\n"
    page += "torchrun --nproc_per_node 2 -m thb train x --out y\n"
    page += ".venv/bin/thb env | less\nls thb a\n```"
    assert list(find_commands(page)) == ["env", "train x --out y", "env"]


def test_every_public_name_is_on_one_page_of_the_reference() -> None:
    shown = [
        name
        for page, text in TEXTS.items()
        if page.startswith("docs/reference/api/")
        for name in re.findall(r"^::: thb\.(\w+)$", text, re.MULTILINE)
    ]
    assert sorted(shown) == thb.__all__


def test_every_class_of_ours_in_a_signature_is_on_a_page_of_the_reference() -> None:
    shown = {
        name.rpartition(".")[2]
        for page, text in TEXTS.items()
        if page.startswith("docs/reference/api/")
        for name in re.findall(r"^::: ([\w.]+)$", text, re.MULTILINE)
    }
    ours = {
        name
        for source in read_sources(*PACKAGES)
        for name, node in source.definitions
        if isinstance(node, ast.ClassDef)
    }
    named = {
        name
        for function in thb.__all__
        if inspect.isfunction(value := getattr(thb, function))
        for name in re.findall(r"\w+", str(inspect.signature(value)))
        if name != "TalkingHeadBench"  # the name of the default release
    }
    assert {"Predictions", "TrainOptions", "Publication"} <= named & ours
    assert (named & ours) - shown <= NOT_SHOWN


def find_variables(source: Source) -> Iterator[str]:
    """Yield the environment variables that a module reads or sets by their names."""
    constants = {
        target.id: node.value.value
        for node in source.tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=value), args=[name, *_]):
                asked = [name] if ast.unparse(value) == "os.environ" else []
                if ast.unparse(node.func) == "os.getenv":
                    asked = [name]
            case ast.Subscript(value=value, slice=name):
                asked = [name] if ast.unparse(value) == "os.environ" else []
            case ast.Compare(left=name, comparators=[ast.expr() as where]):
                asked = [name] if ast.unparse(where) == "os.environ" else []
            case _:
                continue
        for name in asked:
            if isinstance(name, ast.Constant):
                yield str(name.value)
            elif isinstance(name, ast.Name) and name.id in constants:
                yield str(constants[name.id])


def test_every_environment_variable_is_on_its_page() -> None:
    page = TEXTS["docs/reference/environment.md"]
    told = set(re.findall(r"`([A-Z][A-Z0-9_]{2,})`", page))
    read = {name for source in read_sources(*PRODUCTS) for name in find_variables(source)}
    assert {"THB_CACHE", "THB_HUB_SECONDS", "THB_ACCEPT_INSIGHTFACE_LICENCE", "RANK"} <= read
    assert read - told == set()
    assert {name for name in told if name.startswith("THB_")} - read == {"THB_TEST_DATA"}


def test_every_variable_of_ours_is_read_where_the_test_looks() -> None:
    """A name that is read in another way than by ``os.environ`` would escape the test above."""
    spelt = {
        name
        for source in read_sources(*PRODUCTS)
        for name in re.findall(r"[\"'](THB_[A-Z_]+[A-Z])[\"']", source.text)
    }
    read = {name for source in read_sources(*PRODUCTS) for name in find_variables(source)}
    assert spelt - read == set()


def test_the_navigation_names_every_page() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    named = re.findall(r"[\w/-]+\.md", str(yaml.safe_load(text)["nav"]))
    assert len(named) == len(set(named))
    pages = {page.removeprefix("docs/") for page in TEXTS if page.startswith("docs/")}
    assert pages - set(named) == set()


def test_pictures_are_small_and_shown() -> None:
    pictures = sorted((ROOT / "docs" / "pictures").iterdir())
    sizes = {path.name: path.stat().st_size for path in pictures}
    assert {name: size for name, size in sizes.items() if size > LARGEST_PICTURE} == {}
    assert sum(sizes.values()) < LARGEST_PICTURES
    shown = set(re.findall(r"pictures/([\w.-]+)\)", " ".join(TEXTS.values())))
    assert shown == set(sizes)
    told = set(re.findall(r"`([\w-]+\.(?:png|svg))`", TEXTS["docs/pictures.md"]))
    assert told == set(sizes)


def test_every_picture_has_a_text_for_those_who_do_not_see_it() -> None:
    bare = [
        page
        for page, text in TEXTS.items()
        for alt in re.findall(r"!\[([^\]]*)\]", text)
        if len(alt) < 20
    ]
    assert bare == []
