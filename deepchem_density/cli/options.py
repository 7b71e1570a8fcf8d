"""The options that describe learning curves on the command line, and the configuration that comes of them.

Nothing heavy is imported before a command runs: ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepchem_density.curves.config import CurveConfig

__all__ = [
    "OPTIONS",
    "TRAINING_PROCESSES",
    "add_curve_options",
    "add_run_options",
    "asked_for",
    "config_from",
    "or_default",
    "parsed_setting",
    "tuple_of",
]

DEFAULT_OUT = "runs"
TRAINING_PROCESSES = min(2, os.cpu_count() or 1)


class _Default:
    """Stands for an option that was not given; its default may depend on the dataset."""


_DEFAULT = _Default()


def add_curve_options(parser: argparse.ArgumentParser, without: Collection[str] = ()) -> None:
    """Add the settings of `CurveConfig`, except some."""
    for flag, kind, default, text in OPTIONS:
        if _name(flag) not in without:
            parser.add_argument(flag, type=or_default(kind), default=_DEFAULT, help=f"{text} (default: {default})")


def add_run_options(parser: argparse.ArgumentParser, workers: int, what: str) -> None:
    """Add what does not change results: processes, threads, folder and tracking."""
    parser.add_argument("--n-jobs", type=int, default=-1, help="processes that compute voxels; -1 is one a core")
    parser.add_argument("--threads", type=int, default=1, help="threads of training; more pays only on idle cores")
    parser.add_argument(
        "--workers",
        type=int,
        default=workers,
        help=f"processes that {what}, each with the voxels in its memory (default here: %(default)s)",
    )
    parser.add_argument("--out", default=DEFAULT_OUT, help="folder for voxels, finished cells, tables and figures")
    parser.add_argument(
        "--track",
        action=argparse.BooleanOptionalAction,
        default="MLFLOW_RUN_ID" in os.environ,
        help="log to MLflow; on by itself under mlflow run",
    )


def asked_for(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings of curves that were given."""
    names = {_name(flag) for flag, *_ in OPTIONS}
    return {name: value for name, value in vars(options).items() if name in names and value is not _DEFAULT}


def config_from(asked: Mapping[str, Any], tuned: Mapping[str, Any] | None = None) -> CurveConfig:
    """Return the configuration: what was asked for, then what was tuned, then the defaults for such a dataset."""
    from deepchem_density.curves.config import COMPLEX_DEFAULTS, CurveConfig

    settings = {**(tuned or {}), **asked}
    defaults = COMPLEX_DEFAULTS if settings.get("dataset") in ("complexes", "pdbbind") else {}
    if asked.get("epochs"):
        settings["steps"] = asked.get("steps", 0)
    elif asked.get("steps"):
        settings["epochs"] = 0
    elif settings.get("epochs"):
        settings.setdefault("steps", 0)
    return CurveConfig(**{**defaults, **settings})


def parsed_setting(name: str, text: str) -> Any:
    """Return the value of a setting, such as "0.5" of "voxel_width", as its option would read it.

    Raises
    ------
    ValueError
        There is no such setting, or the text is no value of it.
    """
    kinds = {_name(flag): kind for flag, kind, *_ in OPTIONS}
    if name not in kinds:
        raise ValueError(f"{name}={text} arrived; there is no such setting: accepted are {', '.join(kinds)}.")
    try:
        return kinds[name](text)
    except ValueError as error:
        accepted = getattr(kinds[name], "__name__", "another value")
        raise ValueError(f"{name}={text} arrived; accepted: {accepted}.") from error


def tuple_of(kind: type) -> Callable[[str], tuple[Any, ...]]:
    """Return a reader of values between commas or spaces."""

    def convert(text: str) -> tuple[Any, ...]:
        return tuple(kind(part) for part in text.replace(",", " ").split())

    convert.__name__ = f"list of {kind.__name__}"
    return convert


def _name(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


def or_default(kind: Callable[[str], Any], default: Any = _DEFAULT) -> Callable[[str], Any]:
    """Return a converter that takes nothing, as MLflow passes a parameter without value, for the default."""

    def convert(text: str) -> Any:
        return kind(text) if text else default

    convert.__name__ = getattr(kind, "__name__", "value")
    return convert


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


_truth.__name__ = "true or false"


def _charge(text: str) -> int | str:
    return text if text == "formal" else int(text)


_charge.__name__ = "whole number or formal"


def _path(text: str) -> str:
    """Return a path that means the same from everywhere: it is part of what tells finished cells apart."""
    return str(Path(text).expanduser().absolute())


_path.__name__ = "path"


def _or_none(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        return None if text.lower() == "none" else kind(text)

    convert.__name__ = f"{kind.__name__} or none"
    return convert


# Defaults are those of CurveConfig, repeated here so that --help needs no import; a test compares them.
OPTIONS: tuple[tuple[str, Callable[[str], Any], Any, str], ...] = (
    ("--rep", str, "density", "atom, density, gradient or occupancy"),
    (
        "--dataset",
        str,
        "sample",
        "sample (2,000 QM9 molecules in this package), qm9 (all of it), sdf, complexes or pdbbind (in data_dir)",
    ),
    (
        "--data-dir",
        _path,
        "",
        "folder with an .sdf and its .csv of labels, csv of complexes, folder in PDBbind's layout",
    ),
    ("--targets", tuple_of(str), ("gap",), "label columns, learned together; pK for complexes"),
    ("--fractions", tuple_of(float), (0.0625, 0.25, 1.0), "of the training molecules, nested"),
    ("--seeds", tuple_of(int), (0, 1), "each draws its own training molecules and weights"),
    ("--n-train", int, 0, "training molecules at fraction 1; 0 takes all that are left"),
    ("--n-valid", int, 100, "molecules watched during training; 0 for complexes"),
    ("--n-test", int, 400, "molecules of the fixed test set, 0 for a fifth of all, as for complexes"),
    ("--split", str, "random", "random or lists; for complexes also group, cluster (their default), core or year"),
    ("--split-by", str, "", "columns, least identity, files of ids, or last year to train on, as the split needs it"),
    ("--split-seed", int, 0, "fixes the test set"),
    ("--steps", int, 240, "gradient steps of every cell; 600 for complexes"),
    ("--epochs", int, 0, "passes over the training molecules, instead of steps"),
    ("--min-steps", int, 0, "gradient steps that --epochs gives small training sets at the least"),
    (
        "--remove-composition",
        _truth,
        False,
        "train on what a line in the element counts leaves of the labels, and add it to predictions",
    ),
    ("--batch-size", int, 32, "molecules a step"),
    ("--learning-rate", float, 3e-3, "highest rate of the one-cycle schedule"),
    ("--widths", tuple_of(int), (16, 32, 64, 128), "channels of each stage of the network"),
    ("--depth", int, 1, "convolutions of each stage"),
    ("--stem-widths", tuple_of(int), (), "channels of pointwise layers in front"),
    ("--n-bins", _or_none(int), None, "soft bins of magnitude in front, 0 for none; by default 8 for a single channel"),
    ("--dropout", float, 0.0, "in the perceptron at the end; above 0, predictions come with an uncertainty"),
    ("--pooling", str, "mean", "mean or sum over the last cells"),
    ("--box-width", float, 12.0, "Å; 24 for complexes"),
    ("--voxel-width", float, 0.75, "Å; 1 for complexes"),
    ("--oversampling", int, 2, "points of a voxel along each axis"),
    ("--center", str, "mean", "mean or charge"),
    ("--rotation-seed", _or_none(int), None, "turns each molecule at random; none keeps the axes of the input"),
    ("--elements", tuple_of(str), ("H", "C", "N", "O", "F"), "channels of atom; nine others for complexes"),
    ("--other", _truth, False, "one more channel for all other elements; true for complexes"),
    ("--sigma", float, 0.5, "width of an atom in Å, for atom; 0.7 for complexes"),
    ("--transform", str, "none", "none, sqrt or log, for density and gradient"),
    ("--shape", str, "vdw", "vdw or density, for occupancy"),
    (
        "--threshold",
        _or_none(float),
        None,
        "e/Å³ or σ, for occupancy with shape=density; by default 0.0135, or 1 σ of a map",
    ),
    (
        "--charge",
        _charge,
        0,
        "total charge of molecules or ligands, or formal for that of their files, as for complexes",
    ),
    ("--part", str, "complex", "complex, ligand, protein, or separate for ligand and protein in channels of their own"),
    ("--hydrogens", str, "keep", "keep, drop or add; drop for complexes, whose files hold them or not"),
    ("--waters", _truth, True, "keep the waters of a protein's file"),
    ("--ions", _truth, True, "keep the monatomic ions of a protein's file"),
    ("--source", str, "auto", "auto, xtb, independent_atoms or map, for density and gradient"),
    ("--engine", str, "xtb", "xtb or tblite"),
    ("--method", str, "GFN2-xTB", "GFN2-xTB or GFN1-xTB"),
    ("--pocket-radius", float, 5.0, "Å; xTB solves a ligand with the residues that come so near"),
    ("--max-atoms", int, 500, "more are not solved with xTB"),
    (
        "--b-iso",
        _or_none(float),
        None,
        "B of all independent atoms in Å²; none takes those of the file; 20 for complexes",
    ),
    ("--d-min", _or_none(float), None, "smooths independent atoms as a map of that resolution, Å"),
    ("--blur", float, 0.0, "added to each B, Å²"),
    ("--ionic", _truth, False, "ionic form factors for atoms with a formal charge"),
    ("--map-pattern", str, "", "path of the map of each ligand, with {id} for its code"),
    (
        "--map-coefficients",
        _or_none(tuple_of(str)),
        None,
        "columns of amplitudes and phases; found by themselves where none",
    ),
    ("--map-values", str, "sigma", "sigma, or file for the values as they are"),
)
