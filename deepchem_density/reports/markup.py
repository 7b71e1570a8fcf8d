"""A report as sections of text, tables and pictures, and what it is in Markdown, and in one HTML file that needs no other."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

__all__ = ["Picture", "Section", "Table", "html_text", "markdown_section", "markdown_table", "markdown_text"]

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 0 1rem 3rem; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
h1, h2, p { overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; margin: 0.75rem 0; }
th, td { padding: 0.25rem 0.6rem; text-align: right; border-bottom: 1px solid #8886; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #888; vertical-align: bottom; }
"""


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
    return "\n\n".join([f"# {_escaped(title)}", *map(markdown_section, sections)]) + "\n"


def markdown_section(section: Section) -> str:
    """Return a section in Markdown."""
    blocks = [f"## {_escaped(section.heading)}", *map(_escaped, section.paragraphs)]
    for part in section.parts:
        blocks.append(
            markdown_table(part) if isinstance(part, Table) else f"![{_escaped(part.words)}]({part.path.name})"
        )
    return "\n\n".join(blocks)


def markdown_table(table: Table) -> str:
    """Return a table in Markdown."""
    rows = [table.header, ["---"] * len(table.header), *table.lines]
    return "\n".join("| " + " | ".join(_cell(text) for text in row) + " |" for row in rows)


def _cell(text: str) -> str:
    return text if set(text) == {"-"} else _escaped(text)


def _escaped(text: str) -> str:
    """Return text in which nothing is taken for a column, a tag, a link or emphasis."""
    for letter in "\\`*_[]<>|":
        text = text.replace(letter, f"\\{letter}")
    return " ".join(text.split())


def html_text(title: str, sections: Sequence[Section]) -> str:
    """Return a report as HTML.

    Parameters
    ----------
    title : str
        Any text: whatever HTML would take for markup is escaped, here and in sections.
    sections : sequence of Section
        Pictures are read from their files.
    """
    body = "\n".join(_html_section(section) for section in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{body}
</body>
</html>
"""


def _html_section(section: Section) -> str:
    blocks = [f"<h2>{escape(section.heading)}</h2>"]
    blocks += [f"<p>{escape(paragraph)}</p>" for paragraph in section.paragraphs]
    blocks += [_html_table(part) if isinstance(part, Table) else _html_picture(part) for part in section.parts]
    return "\n".join(blocks)


def _html_table(table: Table) -> str:
    header = "".join(f'<th scope="col">{escape(text)}</th>' for text in table.header)
    rows = "\n".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in line) + "</tr>" for line in table.lines)
    return f'<div class="wide"><table>\n<thead><tr>{header}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'


def _html_picture(picture: Picture) -> str:
    content = base64.b64encode(picture.path.read_bytes()).decode("ascii")
    return f'<p><img alt="{escape(picture.words)}" src="data:image/png;base64,{content}"></p>'
