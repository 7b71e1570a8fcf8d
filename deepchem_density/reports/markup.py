"""A report before it is Markdown or HTML: sections of text, tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Picture", "Section", "Table", "markdown_text"]


@dataclass(frozen=True)
class Table:
    """Lines of text; the first column names them."""

    header: Sequence[str]
    lines: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A PNG file and the words that stand for it."""

    path: Path
    words: str


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs, and then tables and pictures."""

    heading: str
    paragraphs: Sequence[str] = ()
    parts: Sequence[Table | Picture] = field(default=())


def markdown_text(title: str, sections: Sequence[Section]) -> str:
    """Return a report in Markdown; pictures are linked by their file names, to stand beside it."""
    blocks = [f"# {_escaped(title)}"]
    for section in sections:
        blocks.append(f"## {_escaped(section.heading)}")
        blocks += [_escaped(paragraph) for paragraph in section.paragraphs]
        for part in section.parts:
            blocks.append(_table(part) if isinstance(part, Table) else f"![{_escaped(part.words)}]({part.path.name})")
    return "\n\n".join(blocks) + "\n"


def _table(table: Table) -> str:
    rows = [table.header, ["---"] * len(table.header), *table.lines]
    return "\n".join("| " + " | ".join(_cell(text) for text in row) + " |" for row in rows)


def _cell(text: str) -> str:
    return text if set(text) == {"-"} else _escaped(text)


def _escaped(text: str) -> str:
    """Return text in which nothing is taken for a column, a tag, a link or emphasis."""
    for letter in "\\`*_[]<>|":
        text = text.replace(letter, f"\\{letter}")
    return " ".join(text.split())
