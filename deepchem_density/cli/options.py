"""Options of the command line, made from the settings that dataclasses declare, and the configuration that comes of them.

Nothing heavy is imported before a command runs: ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import csv
import inspect
import os
import sys
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Union, get_args, get_origin, get_type_hints

from deepchem_density.curves.settings import CurveSettings
from deepchem_density.settings import SAME, Setting, setting, settings_of

if TYPE_CHECKING:
    from deepchem_density.curves.config import CurveConfig
    from deepchem_density.engine import Engine

__all__ = [
    "BaselineSettings",
    "ClusterSettings",
    "Parser",
    "RunSettings",
    "add_settings",
    "add_tracking",
    "asked_for",
    "config_from",
    "engine_of",
    "names_between_commas",
    "parsed_setting",
    "settings_by_heading",
    "values_of",
]


class _NotGiven:
    """Stands for an option that was not given; its default may depend on the dataset."""


NOT_GIVEN = _NotGiven()


@dataclass
class ClusterSettings:
    """Cluster."""

    scheduler: str = setting("", "address of a dask scheduler, as tcp://host:8786, whose workers do the work instead")
    task_hours: float = setting(24.0, "hours that a cell, a trial or a molecule may take on a worker", above=0)


@dataclass
class RunSettings(ClusterSettings):
    """Run."""

    n_jobs: int = setting(
        -1, "processes that solve molecules; -1 is one a core; with a scheduler its workers do", least=-1
    )
    threads: int = setting(1, "threads of training; more pays only on idle cores", least=1)
    workers: int = setting(min(2, os.cpu_count() or 1), "processes that share the work", least=1)
    out: str = setting("runs", "folder for solved molecules, finished cells, tables and figures")
    dry_run: bool = setting(
        False, "say what the data are like, what would fail, and what all would take, and run nothing"
    )


@dataclass
class BaselineSettings:
    """Baselines."""

    baselines: tuple[str, ...] = setting(
        ("xtb", "ecfp"),
        "in tables and figures beside the constant and the line in element counts: a line in these and GFN-xTB's energy, HOMO, "
        "LUMO and dipole (xtb; molecules alone, which are solved for it), boosted trees on Morgan fingerprints (ecfp), or none",
        choices=("xtb", "ecfp", "none"),
    )

    @property
    def names(self) -> tuple[str, ...]:
        """What is asked for."""
        return tuple(name for name in self.baselines if name != "none")


@contextmanager
def engine_of(here: RunSettings) -> Iterator[Engine]:
    """Start what trains, with as many threads as asked for."""
    from deepchem_density.engine import open_engine
    from deepchem_density.models.training_process import prepare_process

    with open_engine(here.workers, here.scheduler, here.task_hours) as engine:
        engine.before(prepare_process, here.threads)
        yield engine


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, and not a screen of usage."""

    def __init__(self, **about: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **about})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Refuse what is not known here, where help is at hand, and not in the parser of all commands."""
        written = sys.argv[1:] if args is None else args
        known, unknown = super().parse_known_args([_hyphenated(word) for word in written], namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, and end with status 2."""
        print(f"{self.prog}: {message}. `{self.prog} --help` lists the options.", file=sys.stderr)
        raise SystemExit(2)


def _hyphenated(word: str) -> str:
    """Return an option with hyphens in its name; MLflow hands on parameters as ``--voxel_width 0.5``."""
    name, equals, value = word.partition("=")
    return f"{name.replace('_', '-')}{equals}{value}" if name.startswith("--") else word


def settings_by_heading(declaring: type) -> Iterator[tuple[str, dict[str, Setting]]]:
    """Yield the headings of a dataclass's settings, which are the first lines of its parents, with the settings below each."""
    left = settings_of(declaring)
    for cls in reversed(declaring.__mro__):
        below = {name: left.pop(name) for name in inspect.get_annotations(cls) if name in left}
        if below:
            yield (cls.__doc__ or "").partition("\n")[0].rstrip("."), below


def add_settings(parser: argparse.ArgumentParser, declaring: type, without: Collection[str] = ()) -> None:
    """Add an option for each setting of a dataclass, except some; one that is not given stays `NOT_GIVEN`."""
    hints = get_type_hints(declaring)
    defaults = {one.name: one.default for one in fields(declaring)}
    for heading, settings in settings_by_heading(declaring):
        group = parser.add_argument_group(heading)
        for name, about in settings.items():
            if name not in without:
                alone: dict[str, Any] = {"nargs": "?", "const": True} if _may_be_true(hints[name]) else {}
                group.add_argument(
                    f"--{name.replace('_', '-')}",
                    **alone,
                    type=_converter(hints[name], about),
                    default=NOT_GIVEN,
                    metavar=_metavar(hints[name], about.choices),
                    help=_help(about, defaults[name]),
                )


def _may_be_true(hint: Any) -> bool:
    """Return whether an option without a value means true."""
    return hint is bool or bool in get_args(hint)


def add_tracking(parser: argparse.ArgumentParser) -> None:
    """Add the choice whether MLflow is told."""
    parser.add_argument(
        "--track",
        action=argparse.BooleanOptionalAction,
        default="MLFLOW_RUN_ID" in os.environ,
        help="log to MLflow; on by itself under mlflow run",
    )


def _help(about: Setting, default: Any) -> str:
    text = about.help + (f", in {about.unit}" if about.unit else "")
    shown = _shown(default)
    for special, data in ((about.files, "molecules of your own"), (about.complexes, "complexes")):
        if special is not SAME and special != default:
            shown = f"{shown or 'none'}; {_shown(special) or 'none'} for {data}"
    return f"{text} (default: {shown})".replace("%", "%%") if shown else text.replace("%", "%%")


def _shown(value: Any) -> str:
    """Return a default as it would be written; nothing where there is none."""
    if value is None or value in ("", ()):
        return ""
    if isinstance(value, tuple):
        return ",".join(map(_shown, value))
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _metavar(hint: Any, choices: tuple[str, ...] = ()) -> str:
    if get_origin(hint) in (Union, types.UnionType):
        return "|".join(_metavar(option, choices) for option in get_args(hint))
    if get_origin(hint) is tuple:
        return f"{_metavar(get_args(hint)[0], choices)},..."
    words = "{" + ",".join(choices) + "}" if choices else "text"
    return {bool: "true|false", float: "x", int: "n", str: words, type(None): "none"}[hint]


def _converter(hint: Any, about: Setting) -> Callable[[str], Any]:
    """Return what reads an option; nothing, as MLflow passes a parameter without value, stands for the default."""

    def convert(text: str) -> Any:
        return _read(text, hint, about) if text else NOT_GIVEN

    return convert


def _read(text: str, hint: Any, about: Setting) -> Any:
    """Return the value that a text stands for.

    Raises
    ------
    argparse.ArgumentTypeError
        Saying what is accepted.
    """
    for option in get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,):
        try:
            return _read_tuple(text, option, about) if get_origin(option) is tuple else _READERS[option](text, about)
        except ValueError:
            continue
    raise argparse.ArgumentTypeError(f"'{text}' arrived; {_metavar(hint, about.choices)} is accepted")


def _read_tuple(text: str, hint: Any, about: Setting) -> tuple[Any, ...]:
    one = get_args(hint)[0]
    if one is str:
        return tuple(_READERS[one](part, about) for part in names_between_commas(text))
    parts = text.split(",") if "," in text else text.split()
    return tuple(_READERS[one](part.strip(), about) for part in parts if part.strip())


def names_between_commas(text: str) -> tuple[str, ...]:
    """Return names, which may hold anything: one with a comma stands in double quotes, as in a csv file."""
    parts = next(csv.reader([text], skipinitialspace=True), [])
    return tuple(part.strip() for part in parts if part.strip())


def _word(text: str, about: Setting) -> str:
    if about.choices and text not in about.choices:
        raise ValueError(text)
    # a path means the same from everywhere: it is part of what tells finished cells apart
    return str(Path(text).expanduser().absolute()) if about.path else text


def _listed(words: Mapping[str, Any]) -> Callable[[str, Setting], Any]:
    def read(text: str, about: Setting) -> Any:
        if text.lower() not in words:
            raise ValueError(text)
        return words[text.lower()]

    return read


_READERS: dict[Any, Callable[[str, Setting], Any]] = {
    bool: _listed({"true": True, "false": False}),
    type(None): _listed({"none": None}),
    int: lambda text, _: int(text),
    float: lambda text, _: float(text),
    str: _word,
}


def asked_for(options: argparse.Namespace, declaring: type = CurveSettings) -> dict[str, Any]:
    """Return the settings of a dataclass that were given."""
    names = {one.name for one in fields(declaring)}
    return {name: value for name, value in vars(options).items() if name in names and value is not NOT_GIVEN}


def values_of(options: argparse.Namespace, declaring: type) -> Any:
    """Return an instance of a dataclass with what was given, checked.

    Raises
    ------
    ValueError
        Naming the setting, what arrived and what is accepted.
    """
    from deepchem_density.settings import check_settings

    values = declaring(**asked_for(options, declaring))
    check_settings(values)
    return values


def parsed_setting(name: str, text: str) -> Any:
    """Return the value of a setting of curves, such as "0.5" of "voxel_width", as its option would read it.

    Parts of lists may stand between spaces.

    Raises
    ------
    ValueError
        No such setting, or no such value.
    """
    hints = get_type_hints(CurveSettings)
    abouts = {one.name: one.metadata["setting"] for one in fields(CurveSettings)}
    if name not in abouts:
        raise ValueError(f"'{name}' arrived as a setting of one representation; {', '.join(abouts)} are accepted.")
    hint = hints[name]
    try:
        return _read(",".join(text.split()) if get_origin(hint) is tuple else text, hint, abouts[name])
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"{name}: {error}.") from error


def config_from(asked: Mapping[str, Any], tuned: Mapping[str, Any] | None = None) -> CurveConfig:
    """Return the configuration: what was asked for, then what was tuned, then the defaults for such a dataset."""
    from deepchem_density.curves.config import CurveConfig, defaults_of_data

    settings = {**(tuned or {}), **asked}
    defaults = defaults_of_data(settings.get("dataset", "sample"))
    if asked.get("epochs"):
        settings["steps"] = asked.get("steps", 0)
    elif asked.get("steps"):
        settings["epochs"] = 0
    elif settings.get("epochs"):
        settings.setdefault("steps", 0)
    return CurveConfig(**{**defaults, **settings})
