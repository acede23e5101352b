"""Text for terminals and Markdown: nothing in it is obeyed, and no number is cut off."""

from __future__ import annotations

import io

from rich.console import Console
from rich.table import Table

from thb.runtime.text import markdown_row, print_table, print_text, printable


def test_a_terminal_finds_nothing_to_obey() -> None:
    assert printable("a\x1b[31mb\nc é 视") == "a�[31mb�c é 视"


def test_a_row_of_markdown_keeps_its_columns() -> None:
    assert markdown_row(["a|b", "c\n"]) == "| a\\|b | c� |"


def test_a_table_wider_than_the_console_is_printed_in_full() -> None:
    table = Table()
    for number in range(30):
        table.add_column(f"column {number}", no_wrap=True)
    stream = io.StringIO()
    print_table(table, Console(file=stream, width=20))
    assert "column 29" in stream.getvalue()


def test_a_text_is_printed_as_it_is() -> None:
    stream = io.StringIO()
    print_text("[bold]1 %[/bold] " + "x" * 100, Console(file=stream, width=20))
    assert stream.getvalue() == "[bold]1 %[/bold] " + "x" * 100 + "\n"
