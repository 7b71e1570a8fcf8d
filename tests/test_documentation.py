"""What the README and the pages of the site tell readers to type exists: commands, options, names and keywords."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shlex
from pathlib import Path

import pytest

from deepchem_density.cli.command_line import parser

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if "generated" not in path.parts)]


def blocks(page, language):
    text = page.read_text(encoding="utf-8")
    return [
        body for kind, body in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) if kind == language
    ]


def commands(page):
    for block in blocks(page, ""):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            if line.startswith("deepchem-density "):
                yield shlex.split(re.sub(r"<[^>]*>", "something", line), comments=True)[1:]


def named_by(page):
    return str(page.relative_to(ROOT))


def unknown_keywords(code):
    """Return the keywords of calls of this package's names that these do not take."""
    known = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("deepchem_density"):
            module = importlib.import_module(node.module)
            known.update({one.asname or one.name: getattr(module, one.name) for one in node.names})
    unknown = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in known:
            unknown += not_taken_by(known[node.func.id], node)
    return unknown


def not_taken_by(called, node):
    accepted = inspect.signature(called).parameters
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in accepted.values()):
        return []
    return [f"{node.func.id}({one.arg}=)" for one in node.keywords if one.arg not in accepted]


@pytest.mark.parametrize("page", PAGES, ids=named_by)
def test_commands_have_the_options_that_pages_show(page, capsys):
    for words in commands(page):
        try:
            parser().parse_args(words)
        except SystemExit:
            pytest.fail(f"deepchem-density {shlex.join(words)}\n{capsys.readouterr().err}")


@pytest.mark.parametrize("page", PAGES, ids=named_by)
def test_python_has_the_names_and_keywords_that_pages_show(page):
    for code in blocks(page, "python"):
        assert unknown_keywords(code) == []


def test_wrong_names_and_keywords_are_found():
    assert unknown_keywords("from deepchem_density import AtomVoxel\nAtomVoxel(box=3)") == ["AtomVoxel(box=)"]
    with pytest.raises(AttributeError):
        unknown_keywords("from deepchem_density import NoSuchVoxel")


def test_pages_show_commands_and_python_at_all():
    assert sum(len(list(commands(page))) for page in PAGES) > 30
    assert sum(len(blocks(page, "python")) for page in PAGES) > 12
