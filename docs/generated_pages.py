"""Pages of the site that are made: the command line, the API, tutorials and benchmarks, and the lists of what is there.

They stand in docs/generated while the site is built, and are made anew each time, so that they cannot age.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import itertools
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from deepchem_density.cli.command_line import parser

DOCS = Path(__file__).parent
ROOT = DOCS.parent

ROOMS = {
    "featurizers": "DeepChem featurizers, and datasets that look at solved molecules",
    "voxels": "Grids, recipes, and molecules that are solved once",
    "fields": "Functions of position: densities, atoms, maps, and the files that hold them",
    "structures": "Elements and positions, and the files that they come from",
    "tables": "Labelled data, their checks and splits, and baselines that need no voxels",
    "models": "The network, its DeepChem model, and predictions of stored ones",
    "curves": "Learning curves",
    "tuning": "Searches with Optuna",
    "engine": "Workers of this machine or of a dask cluster that share the work",
    "reports": "Tables, statistics and figures",
    "views": "Pictures, pages, and files for other programs",
}

HOW_TO = ("molecules", "qm9", "complexes", "openfe", "maps", "loaders", "splits", "commands", "look")
RESULTS = ("results", "models", "complexes", "baselines", "reliability")
ELSEWHERE = ("index", "quick-start", "concepts", "physics", "coming-from", "reference", "changelog", "scale-out")
"""Pages of docs/ that the site lists by name; all others are results."""


def write_pages() -> None:
    """Write all pages, in place of what was there."""
    unlisted = {stub.parent.name for stub in ROOT.glob("deepchem_density/*/__init__.pyi")} - set(ROOMS)
    if unlisted:
        raise ValueError(
            f"{', '.join(sorted(unlisted))} arrived without a line in ROOMS; one for each room is accepted."
        )
    folder = DOCS / "generated"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "api").mkdir(parents=True)
    (folder / "command-line.md").write_text(command_line_page(), encoding="utf-8")
    (folder / "api" / "index.md").write_text(api_index(), encoding="utf-8")
    (folder / "how-to.md").write_text(how_to_index(), encoding="utf-8")
    (folder / "results.md").write_text(results_index(), encoding="utf-8")
    for room, about in ROOMS.items():
        (folder / "api" / f"{room}.rst").write_text(room_page(room, about), encoding="utf-8")
    _copy_tutorials(Path(os.environ.get("DOCS_NOTEBOOKS") or ROOT / "tutorials"), folder / "tutorials")
    _copy_benchmarks(folder / "benchmarks")


def how_to_index() -> str:
    """Return the list of the pages that say how something is done."""
    there = {path.stem for path in DOCS.joinpath("how-to").glob("*.md")}
    pages = [f"../how-to/{name}" for name in (*HOW_TO, *sorted(there.difference(HOW_TO)))]
    return _listed("How to", pages + [f"../{name}" for name in ("scale-out",) if (DOCS / f"{name}.md").exists()])


def results_index() -> str:
    """Return the list of studies and measurements, those that are known first."""
    there = {path.stem for path in DOCS.glob("*.md")}
    pages = [f"../{name}" for name in (*RESULTS, *sorted(there.difference(RESULTS, ELSEWHERE)))]
    about = "What was measured with this package, with the commands that did it."
    return _listed("Results", [*pages, "benchmarks/README"], about)


def _listed(title: str, pages: list[str], about: str = "") -> str:
    names = "\n".join(pages)
    return f"# {title}\n\n{about}\n\n```{{toctree}}\n:maxdepth: 1\n\n{names}\n```\n"


def command_line_page() -> str:
    """Return every command with every option, as its parser declares them."""
    reader = parser()
    (commands,) = (one for one in reader._actions if isinstance(one, argparse._SubParsersAction))
    about = (
        "Made from the parsers of this version. `deepchem-density COMMAND --help` says the same. Under `mlflow run` each option "
        "is a parameter: `--voxel-width 0.5` is `-P voxel_width=0.5`."
    )
    parts = [f"# Command line\n\n{about}"]
    abouts = {one.dest: one.help for one in commands._choices_actions}
    for name, command in commands.choices.items():
        parts.append(f"## {name}\n\n{_sentence(abouts[name])}\n")
        if command.epilog:
            parts.append(f"```\n{command.epilog.removeprefix('Example: ')}\n```")
        parts.extend(_groups(command))
    return "\n\n".join(parts) + "\n"


def _groups(command: argparse.ArgumentParser) -> Iterator[str]:
    for group in command._action_groups:
        actions = [one for one in group._group_actions if one.dest != "help"]
        if actions:
            yield f"**{_sentence(group.title).rstrip('.')}**"
            yield "\n\n".join(f"`{_spelled(one)}`\n: {_escaped(one.help or '')}" for one in actions)


def _spelled(action: argparse.Action) -> str:
    words = ", ".join(action.option_strings) or str(action.metavar or action.dest)
    return f"{words} {action.metavar}" if action.option_strings and action.metavar else words


def _escaped(text: str) -> str:
    return re.sub(r"([<>*_\[\]|{}])", r"\\\1", text.replace("%%", "%"))


def _sentence(text: str | None) -> str:
    text = (text or "").strip()
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def api_index() -> str:
    """Return the page of the names that ``from deepchem_density import`` gives, and of the rooms."""
    rows = []
    for name, value in _top_names().items():
        room = _room_of(value)
        own = room in ROOMS and name in importlib.import_module(f"deepchem_density.{room}").__all__
        place = f"{{py:obj}}`~deepchem_density.{room}.{name}`" if own else f"{{py:obj}}`~deepchem_density.{name}`"
        rows.append(f"| {place} | {_first_line(value)} |")
    rooms = "\n".join(f"| [`deepchem_density.{room}`]({room}.rst) | {about} |" for room, about in ROOMS.items())
    toc = "\n".join(ROOMS)
    return (
        "# API\n\nNames are loaded when they are first used. Lengths are in Å, densities in e/Å³.\n\n"
        "## From the package itself\n\n| name | what it is |\n|---|---|\n" + "\n".join(rows) + "\n\n## Errors\n\n"
        "```{eval-rst}\n.. autoexception:: deepchem_density.FeaturizationError\n"
        ".. autoexception:: deepchem_density.ConvergenceError\n```\n\n## By room\n\n"
        f"| room | holds |\n|---|---|\n{rooms}\n\n```{{toctree}}\n:hidden:\n\n{toc}\n```\n"
    )


def room_page(room: str, about: str) -> str:
    """Return the page of a room: all public names that are its own, or of its files and public at the top."""
    module = importlib.import_module(f"deepchem_density.{room}")
    title = f"deepchem_density.{room}"
    own = {name: getattr(module, name) for name in module.__all__}
    only_top = {name: value for name, value in _top_names().items() if _room_of(value) == room and name not in own}
    values = own | {f"deepchem_density.{name}": value for name, value in only_top.items()}
    ordered = sorted(values, key=lambda name: name.rpartition(".")[2].lower())
    names = [name for name in ordered if callable(values[name])]
    rows = "\n".join(f"   {name}" if name in own else f"   ~{name}" for name in names)
    parts = [f"{room}\n{'=' * len(room)}", f"``{title}``. {about}.", f".. currentmodule:: {title}"]
    parts.append(f".. autosummary::\n   :nosignatures:\n\n{rows}")
    parts.extend(_directive(name, values[name]) for name in names)
    parts.extend(f".. py:data:: {name}\n\n   {_about_constant(room, name)}" for name in ordered if name not in names)
    return "\n\n".join(parts) + "\n"


def _top_names() -> dict[str, object]:
    top = importlib.import_module("deepchem_density")
    return {name: getattr(top, name) for name in sorted(set(top.__all__) - {"__version__"}, key=str.lower)}


def _room_of(value: object) -> str:
    return getattr(value, "__module__", "").partition("deepchem_density.")[2].partition(".")[0]


def _directive(name: str, value: object) -> str:
    if inspect.isclass(value):
        return f".. autoclass:: {name}\n   :members:"
    return f".. autofunction:: {name}"


def _about_constant(room: str, name: str) -> str:
    """Return the words below a constant, in the file from which its room has it."""
    folder = ROOT / "deepchem_density" / room
    stub = ast.parse((folder / "__init__.pyi").read_text(encoding="utf-8"))
    imports = [one for one in stub.body if isinstance(one, ast.ImportFrom)]
    (module,) = (one.module or "" for one in imports if name in {alias.name for alias in one.names})
    path = folder.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for assigned, below in itertools.pairwise(body):
        targets = assigned.targets if isinstance(assigned, ast.Assign) else [getattr(assigned, "target", None)]
        if any(isinstance(one, ast.Name) and one.id == name for one in targets) and isinstance(below, ast.Expr):
            return inspect.cleandoc(str(ast.literal_eval(below.value))).replace("\n", "\n   ")
    raise ValueError(f"{name} in {path} has no words below it; one sentence in triple quotes is accepted.")


def _first_line(value: object) -> str:
    return (inspect.getdoc(value) or "").partition("\n")[0].replace("|", "\\|")


def _copy_tutorials(source: Path, folder: Path) -> None:
    folder.mkdir()
    for notebook in sorted(source.glob("*.ipynb")):
        text = notebook.read_text(encoding="utf-8").replace("](../docs/", "](../../")
        (folder / notebook.name).write_text(text, encoding="utf-8")
    names = "\n".join(path.stem for path in sorted(folder.glob("*.ipynb")))
    readme = (ROOT / "tutorials" / "README.md").read_text(encoding="utf-8")
    (folder / "index.md").write_text(f"{readme}\n```{{toctree}}\n:hidden:\n\n{names}\n```\n", encoding="utf-8")


def _copy_benchmarks(folder: Path) -> None:
    folder.mkdir()
    shutil.copytree(ROOT / "benchmarks" / "results", folder / "results")
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8").replace("](../docs/", "](../../")
    (folder / "README.md").write_text(text, encoding="utf-8")
