"""``deepchem-density featurize SOURCE``: molecules and complexes read and solved once, to be looked at as often as wanted."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepchem_density.cli.describe import describe_features, size_in_words
from deepchem_density.cli.options import (
    ClusterSettings,
    add_settings,
    asked_for,
    config_from,
    names_between_commas,
    values_of,
)
from deepchem_density.curves.settings import InputSettings
from deepchem_density.errors import counted_reasons
from deepchem_density.settings import setting, with_defaults
from deepchem_density.tables.settings import ColumnSettings
from deepchem_density.voxels.settings import VoxelSettings

if TYPE_CHECKING:
    from deepchem_density.curves.config import CurveConfig

__all__ = ["FeaturizeRun", "add_to", "run", "source_settings"]


@dataclass
class FeaturizeSettings(ClusterSettings):
    """Run."""

    out: str = setting("featurized", "folder for what was solved, with names and labels")
    voxels: bool = setting(False, "write finished voxels too, to voxels.npy, NaN where a datapoint has none")
    dry_run: bool = setting(
        False, "say what the data are like, what would fail, and what all would take, and write nothing"
    )
    workers: int = setting(-1, "processes that solve; -1 is one a core", least=-1)
    targets: str = setting("", "label columns, for sources that are no package's; none by default")


@dataclass
@with_defaults("curves")
class FeaturizeRun(FeaturizeSettings, VoxelSettings, InputSettings, ColumnSettings):
    """The options of the command."""


def add_to(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "featurize",
        usage="deepchem-density featurize source [options]",
        help="read and solve molecules or complexes once, for datasets that look when asked",
        epilog="Example: deepchem-density featurize qm9 --out qm9 --dry-run true",
    )
    parser.set_defaults(command=run)
    parser.add_argument(
        "what",
        metavar="source",
        help="sample, qm9, a folder with an .sdf and its .csv of labels, a .csv, .smi or .parquet of molecules, a .csv of "
        "complexes, or a folder in PDBbind's layout",
    )
    add_settings(parser, FeaturizeRun)


def run(options: argparse.Namespace) -> int:
    """Read, solve and store, or say what that would take."""
    here = values_of(options, FeaturizeSettings)
    asked = asked_for(options, FeaturizeRun)
    settings = {name: value for name, value in asked.items() if name not in FeaturizeSettings.__dataclass_fields__}
    config = config_from({**source_settings(options.what, here.targets), **settings})
    config.check_voxels()
    if here.dry_run:
        _try(config, here.workers)
        return 0
    from deepchem_density.engine import open_engine
    from deepchem_density.featurizers.featurized_folder import write_index
    from deepchem_density.tables.load import load_table
    from deepchem_density.voxels.store import SolvedStore
    from deepchem_density.workers import n_workers

    table, out = load_table(config), Path(here.out)
    paths = [Path(config.data_dir)] if config.data_dir else []
    with open_engine(n_workers(here.workers), here.scheduler, here.task_hours) as engine, engine.sharing(None, *paths):
        store = SolvedStore(out / "solved", config.recipe)
        solved = store.solve(table.datapoints(), mapping=engine.map_in_order)
    write_index(out, config.recipe, solved, table.ids, table.columns(table.tasks), table.tasks)
    _summarize(solved.refused(config.recipe), len(solved))
    print(f"Solved: {out} ({size_in_words(_bytes_below(out))}); open_featurized({str(out)!r}) is a dataset of it.")
    if here.voxels:
        _write_voxels(out / "voxels.npy", solved, config)
    return 0


def source_settings(source: str, targets: str = "") -> dict[str, Any]:
    """Return the settings of data that a source stands for: the name of a dataset, or what a path holds."""
    if source in ("sample", "qm9"):
        return {"dataset": source}
    path = Path(source).expanduser().absolute()
    if not path.exists():
        raise ValueError(f"source={source!r} arrived; 'sample', 'qm9', or a folder or file that exists is accepted.")
    dataset = "pdbbind"
    named = {"targets": names_between_commas(targets)} if targets else {}
    if path.is_file():
        dataset = "complexes" if _is_of_complexes(path) else "csv"
        named = {"targets": (), **named} if dataset == "csv" else named
    elif (path / "complexes.csv").is_file():
        dataset = "complexes"
    elif list(path.glob("*.sdf")):
        dataset = "sdf"
    return {"dataset": dataset, "data_dir": str(path), **named}


def _is_of_complexes(path: Path) -> bool:
    from deepchem_density.structures.text_files import format_suffix
    from deepchem_density.tables.csv_tables import read_csv_table

    return format_suffix(path) == ".csv" and "ligand" in read_csv_table(path)


def _try(config: CurveConfig, n_jobs: int) -> None:
    """Look at all datapoints, solve some, and print what all of them would take."""
    import numpy as np

    from deepchem_density.curves.outlook import features_outlook, peak_memory
    from deepchem_density.tables.load import load_table
    from deepchem_density.workers import n_workers

    table = load_table(config)
    print(f"{config.dataset}: {len(table):,} {config.datapoints}")
    describe_features(config, features_outlook(config, table, n_jobs), n_jobs)
    row = int(np.prod(config.recipe.voxel_shape)) * np.dtype(config.recipe.dtype).itemsize
    peak = peak_memory()
    memory = f" Memory: {size_in_words(peak * (1 + n_workers(n_jobs)))} at most." if peak else ""
    print(f"Voxels, with --voxels: {size_in_words(row * len(table))} on disk.{memory}")


def _summarize(failures: Sequence[tuple[int, str]], n: int) -> None:
    """Print how many datapoints failed for which reason, names and numbers left out of the reasons."""
    if not failures:
        print(f"All {n} datapoints have voxels.")
        return
    print(f"{len(failures)} of {n} datapoints have no voxels:")
    for count, kind, place in counted_reasons(failures)[:10]:
        print(f"  {count} x {kind} (for instance datapoint {place})")


def _write_voxels(path: Path, solved: Any, config: CurveConfig) -> None:
    """Write the voxels of all datapoints to a .npy file, which appears when it is complete."""
    import numpy as np

    from deepchem_density.featurizers.voxel_featurizer import failed_value
    from deepchem_density.files import replacing

    recipe = config.recipe
    failed = {place for place, _ in solved.refused(recipe)}
    with replacing(path) as temporary:
        shape = (len(solved), *recipe.voxel_shape)
        rows = np.lib.format.open_memmap(temporary, mode="w+", dtype=recipe.dtype, shape=shape)
        for place in range(len(solved)):
            rows[place] = failed_value(rows.dtype) if place in failed else recipe.voxels(solved[place])
        rows.flush()
        del rows
    print(f"Voxels: {path} {shape}, {', '.join(recipe.channels)}")


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
