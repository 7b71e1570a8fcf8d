from __future__ import annotations

from pathlib import Path

import pytest

from deepchem_density.reports.markup import Picture, Section, Table, markdown_text

SECTIONS = [
    Section(
        "First", ["Words."], [Table(["model", "a|b"], [["x_1", "2"], ["-", "−3"]]), Picture(Path("in/p.png"), "dots")]
    ),
    Section("Second"),
]


def test_headings_words_tables_and_pictures_stand_in_order():
    expected = [
        *("# A report", "", "## First", "", "Words.", ""),
        *("| model | a\\|b |", "| --- | --- |", "| x\\_1 | 2 |", "| - | −3 |", ""),
        *("![dots](p.png)", "", "## Second"),
    ]
    assert markdown_text("A report", SECTIONS).splitlines() == expected


@pytest.mark.parametrize("text", ["a|b", "*b*", "[x](y)", "<script>", "`c`", "a_b_c"])
def test_nothing_in_a_text_is_taken_for_markup(text):
    written = markdown_text(text, [Section(text, [text], [Table([text], [[text]])])])
    for letter in "|*[]<>`_":
        if letter in text:
            assert f"\\{letter}" in written
            assert text not in written


def test_a_line_break_does_not_end_a_table():
    assert "| two lines |" in markdown_text("t", [Section("s", [], [Table(["a"], [["two\nlines"]])])])
