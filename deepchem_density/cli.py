"""The command line: ``deepchem-density curve --rep gradient`` does what ``mlflow run . -P rep=gradient`` does."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepchem_density import __version__

if TYPE_CHECKING:
    from deepchem_density.curve_config import CurveConfig
    from deepchem_density.learning_curve import Cell

__all__ = ["main"]

DEFAULT_OUT = "runs"
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # from malloc.h


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0, or 2 for what cannot run."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    from deepchem_density.errors import FeaturizationError

    try:
        return options.command(options)
    except (ValueError, ImportError, FeaturizationError, FileNotFoundError) as error:
        print(f"deepchem-density: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("deepchem-density: interrupted; the same command goes on where this one stopped.", file=sys.stderr)
        return 130


def curve(options: argparse.Namespace) -> int:
    """Run a learning curve, print its table, and leave table, figures and model in files and in MLflow."""
    from deepchem_density.learning_curve import run_curve
    from deepchem_density.tracking import MlflowTracker, NoTracker

    config = _config(options)
    config.check()
    import torch

    torch.set_num_threads(options.threads)
    _keep_freed_memory()
    tracker = MlflowTracker() if options.track else NoTracker()
    out = Path(options.out)

    def report_cell(cell: Cell) -> None:
        tracker.cell(cell)
        row = cell.rows[0]
        error = f"{config.metrics[0].upper()} {row[config.metrics[0]]:.4g} {row['unit']}"
        print(f"{cell.name}: {row['target']} {error} ({row['seconds']:.0f} s)", flush=True)

    with tracker.run(config):
        cells = run_curve(config, out, options.n_jobs, tracker.epoch, report_cell)
        files = _write_report(config, cells, out)
        tracker.files(files)
        tracker.model(cells[-1], config)
    print("\n" + files[0].read_text())
    print(f"Figures: {', '.join(str(path) for path in files if path.suffix == '.png')}")
    return 0


def _config(options: argparse.Namespace) -> CurveConfig:
    """Return the configuration: what was asked for, and otherwise the defaults for such a dataset."""
    from deepchem_density.curve_config import COMPLEX_DEFAULTS, CurveConfig

    names = {field.name for field in dataclasses.fields(CurveConfig)}
    asked = {name: value for name, value in vars(options).items() if name in names and value is not _DEFAULT}
    defaults = COMPLEX_DEFAULTS if asked.get("dataset") in ("complexes", "pdbbind") else {}
    if asked.get("epochs"):
        asked["steps"] = 0
    return CurveConfig(**{**defaults, **asked})


def _keep_freed_memory() -> None:
    """Ask glibc to reuse large blocks: a training step otherwise spends up to half its time on fresh pages of memory."""
    if sys.platform == "linux":
        import ctypes

        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):  # glibc; musl has none
            libc.mallopt(M_MMAP_MAX, 0)
            libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def _write_report(config: CurveConfig, cells: list[Cell], out: Path) -> list[Path]:
    """Write the table and figures of the study, with the curves of all representations run so far."""
    from deepchem_density.atomic_files import write_text
    from deepchem_density.report import (
        collect_rows,
        curve_table,
        learning_curve_figure,
        markdown,
        parity_figure,
        save_figure,
    )

    folder = out / f"{config.dataset}-{'-'.join(config.targets)}-{config.study}"
    folder.mkdir(parents=True, exist_ok=True)
    table = curve_table(collect_rows(out / "cells" / config.study))
    write_text(folder / "table.md", markdown(table, config.metrics))
    write_text(folder / "table.csv", table.to_csv(index=False))
    first = table.iloc[0]
    return [
        folder / "table.md",
        folder / "table.csv",
        save_figure(
            learning_curve_figure(table, f"{config.dataset}, {first['seeds']} seeds", config.metrics[0]),
            folder / "learning_curve.png",
        ),
        save_figure(parity_figure(cells[-1], config.targets), folder / f"parity_{config.rep}.png"),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deepchem-density", description="Electron density as input for molecular machine learning."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command")
    one = commands.add_parser(
        "curve",
        help="a learning curve: featurize, train over nested fractions and seeds, compare with baselines",
    )
    one.set_defaults(command=curve)
    for flag, kind, default, text in _OPTIONS:
        one.add_argument(flag, type=_or_default(kind), default=_DEFAULT, help=f"{text} (default: {default})")
    one.add_argument("--n-jobs", type=int, default=-1, help="processes that compute voxels; -1 is one a core")
    one.add_argument("--threads", type=int, default=1, help="threads of training; more pays only on idle cores")
    one.add_argument("--out", default=DEFAULT_OUT, help="folder for voxels, finished cells, tables and figures")
    one.add_argument(
        "--track",
        action=argparse.BooleanOptionalAction,
        default="MLFLOW_RUN_ID" in os.environ,
        help="log to MLflow; on by itself under mlflow run",
    )
    return parser


class _Default:
    """Stands for an option that was not given; its default may depend on the dataset."""


_DEFAULT = _Default()


def _or_default(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a converter that takes nothing, as MLflow passes a parameter without value, for the default."""

    def convert(text: str) -> Any:
        return kind(text) if text else _DEFAULT

    convert.__name__ = getattr(kind, "__name__", "value")
    return convert


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


_truth.__name__ = "true or false"


def _tuple_of(kind: type) -> Callable[[str], tuple[Any, ...]]:
    def convert(text: str) -> tuple[Any, ...]:
        return tuple(kind(part) for part in text.replace(",", " ").split())

    convert.__name__ = f"list of {kind.__name__}"
    return convert


def _or_none(kind: type) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        return None if text.lower() == "none" else kind(text)

    convert.__name__ = f"{kind.__name__} or none"
    return convert


# Defaults are those of CurveConfig, repeated here so that --help needs no import; a test compares them.
_OPTIONS: tuple[tuple[str, Callable[[str], Any], Any, str], ...] = (
    ("--rep", str, "density", "atom, density, gradient or occupancy"),
    (
        "--dataset",
        str,
        "sample",
        "sample (2,000 QM9 molecules in this package), qm9 (all of it), sdf, complexes or pdbbind (in data_dir)",
    ),
    ("--data-dir", str, "", "folder with an .sdf and its .csv of labels, csv of complexes, folder in PDBbind's layout"),
    ("--targets", _tuple_of(str), ("gap",), "label columns, learned together; pK for complexes"),
    ("--fractions", _tuple_of(float), (0.0625, 0.25, 1.0), "of the training molecules, nested"),
    ("--seeds", _tuple_of(int), (0, 1), "each draws its own training molecules and weights"),
    ("--n-train", int, 0, "training molecules at fraction 1; 0 takes all that are left"),
    ("--n-valid", int, 100, "molecules watched during training; 0 for complexes"),
    ("--n-test", int, 400, "molecules of the fixed test set, 0 for a fifth of all, as for complexes"),
    ("--split", str, "random", "random; for complexes group, cluster (their default), core, lists or year"),
    ("--split-by", str, "", "columns, least identity, file of ids, or last year to train on, as the split needs it"),
    ("--split-seed", int, 0, "fixes the test set"),
    ("--steps", int, 240, "gradient steps of every cell; 600 for complexes"),
    ("--epochs", int, 0, "passes over the training molecules, instead of steps"),
    ("--batch-size", int, 32, "molecules a step"),
    ("--learning-rate", float, 3e-3, "highest rate of the one-cycle schedule"),
    ("--widths", _tuple_of(int), (16, 32, 64, 128), "channels of each stage of the network"),
    ("--depth", int, 1, "convolutions of each stage"),
    ("--stem-widths", _tuple_of(int), (), "channels of pointwise layers in front"),
    ("--n-bins", _or_none(int), None, "soft bins of magnitude in front, 0 for none; by default 8 for a single channel"),
    ("--pooling", str, "mean", "mean or sum over the last cells"),
    ("--box-width", float, 14.4, "Å; 24 for complexes"),
    ("--voxel-width", float, 0.6, "Å; 1 for complexes"),
    ("--oversampling", int, 2, "points of a voxel along each axis"),
    ("--center", str, "mean", "mean or charge"),
    ("--rotation-seed", _or_none(int), None, "turns each molecule at random; none keeps the axes of the input"),
    ("--elements", _tuple_of(str), ("H", "C", "N", "O", "F"), "channels of atom; nine others for complexes"),
    ("--other", _truth, False, "one more channel for all other elements; true for complexes"),
    ("--sigma", float, 0.5, "width of an atom in Å, for atom; 0.7 for complexes"),
    ("--transform", str, "none", "none, sqrt or log, for density and gradient"),
    ("--shape", str, "vdw", "vdw or density, for occupancy"),
    ("--threshold", float, 0.0135, "e/Å³, for occupancy with shape=density"),
    ("--part", str, "complex", "complex, ligand, protein, or separate for ligand and protein in channels of their own"),
    ("--hydrogens", str, "keep", "keep, drop or add; drop for complexes, whose files hold them or not"),
    ("--waters", _truth, True, "keep the waters of a protein's file"),
    ("--ions", _truth, True, "keep the monatomic ions of a protein's file"),
    ("--source", str, "auto", "auto, xtb, independent_atoms or map, for density and gradient"),
    ("--engine", str, "xtb", "xtb or tblite"),
    ("--method", str, "GFN2-xTB", "GFN2-xTB or GFN1-xTB"),
    (
        "--b-iso",
        _or_none(float),
        None,
        "B of all independent atoms in Å²; none takes those of the file; 20 for complexes",
    ),
    ("--d-min", _or_none(float), None, "smooths independent atoms as a map of that resolution, Å"),
    ("--blur", float, 0.0, "added to each B, Å²"),
    ("--map-pattern", str, "", "path of the map of each ligand, with {id} for its code"),
)


if __name__ == "__main__":
    raise SystemExit(main())
