from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from html_reader import Reader
from matplotlib.image import imsave

from deepchem_density.reports.markup import Picture, Section, Table, html_text, markdown_text

EVIL = """<script>alert("1")</script> & 'quoted' <img src=x onerror=y>"""

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


@pytest.fixture
def picture(tmp_path):
    imsave(tmp_path / "p.png", np.zeros((4, 4)))
    return Picture(tmp_path / "p.png", 'a "picture"')


def test_a_report_is_one_well_formed_file_without_scripts_or_links(picture):
    read = Reader(html_text("A report", [Section("One", ["Words."], [Table(["a"], [["1"]]), picture])]))
    assert read.open == []
    assert not {"script", "link", "iframe", "a"} & {tag for tag, _ in read.tags}
    for _, attributes in read.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("src", "data:").startswith("data:")
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in read.of("meta")


def test_pictures_are_inside(picture):
    (image,) = Reader(html_text("t", [Section("s", [], [picture])])).of("img")
    kind, _, content = image["src"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(content, validate=True) == picture.path.read_bytes()
    assert image["alt"] == 'a "picture"'


def test_whatever_looks_like_markup_is_text(picture):
    hostile = Picture(picture.path, EVIL)
    read = Reader(html_text(EVIL, [Section(EVIL, [EVIL], [Table([EVIL], [[EVIL]]), hostile])]))
    assert read.of("script") == []
    assert len(read.of("img")) == 1
    assert read.of("img")[0]["alt"] == EVIL
    assert sum(text == EVIL for text in read.texts) == 6  # title twice, heading, paragraph, header and cell


def test_wide_tables_scroll_by_themselves():
    read = Reader(html_text("t", [Section("s", [], [Table(["a", "b"], [["1", "2"], ["3", "4"]])])]))
    assert read.of("div") == [{"class": "wide"}]
    assert len(read.of("td")) == 4
