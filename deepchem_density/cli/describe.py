"""``deepchem-density describe``, and ``--dry-run`` of other commands: what a run would meet and take, before it runs."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deepchem_density.cli.options import RunSettings, add_settings, asked_for, config_from, values_of
from deepchem_density.curves.settings import CurveSettings
from deepchem_density.errors import counted_reasons
from deepchem_density.progress import duration

if TYPE_CHECKING:
    from deepchem_density.curves.config import CurveConfig
    from deepchem_density.curves.outlook import FeatureOutlook, TrainingOutlook
    from deepchem_density.tables.label_summary import LabelSummary
    from deepchem_density.tuning.plan import SearchPlan

__all__ = ["DescribeRun", "add_to", "describe", "describe_features", "run", "size_in_words"]

BARS = "▁▂▃▄▅▆▇█"
REASONS = 10
RESULT_BYTES = 60
"""Of a test molecule in the file of a cell's results."""
SHARES = (0.5, 0.95, 1.0)


@dataclass
class DescribeRun(RunSettings, CurveSettings):
    """The options of the command."""


def add_to(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "describe",
        usage="deepchem-density describe [options]",
        help="what the data are like, what would fail and why, and what a curve would take; nothing is written",
        epilog="Example: deepchem-density describe --dataset sdf --data-dir my --targets logS --rep density",
    )
    parser.set_defaults(command=run)
    add_settings(parser, DescribeRun, without=("out", "threads", "dry_run"))


def run(options: argparse.Namespace) -> int:
    """Describe the data and the curve that the options name."""
    config = config_from(asked_for(options))
    config.check()
    describe([config], values_of(options, RunSettings))
    return 0


def describe(configs: Sequence[CurveConfig], here: RunSettings, plan: SearchPlan | None = None) -> None:
    """Print what curves on the same data, or a search, would meet and take.

    Parameters
    ----------
    configs : sequence of CurveConfig
        Of the curves.
    here : RunSettings
        How many processes there are.
    plan : SearchPlan, optional
        Of a search, in which case there is one configuration.
    """
    from deepchem_density.curves.outlook import features_outlook, training_outlook
    from deepchem_density.models.training_process import prepare_process
    from deepchem_density.tables.load import load_table

    prepare_process(here.threads)
    config, table = configs[0], load_table(configs[0])
    print(f"{config.dataset}: {len(table):,} {config.datapoints}")
    _print_reasons(getattr(table, "left_out", ()), "left out of the table", config.datapoints)
    sets = _print_split(config)
    _print_labels(table, config.targets)
    total = 0.0
    for one in configs:
        print(f"\n{one.label}: {' x '.join(map(str, one.recipe.voxel_shape))} voxels")
        features = features_outlook(one, table, here.n_jobs)
        total += describe_features(one, features, here.n_jobs)
        if features.solved and sets is not None:
            total += _print_training(one, features, training_outlook(one, features.solved), sets, here.workers, plan)
    if len(configs) > 1:
        print(f"\nAll together: {duration(total)}, where nothing is stored yet.")


def _print_split(config: CurveConfig) -> tuple[int, int, int] | None:
    """Print the sizes of the sets and return them; None where the data cannot be split so."""
    from deepchem_density.tables.load import load_data

    try:
        data = load_data(config)
    except ValueError as error:
        print(f"Split: none. {error}")
        return None
    sets = len(data.pool), len(data.valid), len(data.test)
    sizes = ", ".join(f"{size:,}" for size in config.sizes(sets[0]))
    print(
        f"Split ({config.split}): {sets[0]:,} for training, {sets[1]:,} watched, {sets[2]:,} to test; training sets of {sizes}"
    )
    return sets


def _print_labels(table: Any, targets: Sequence[str]) -> None:
    from deepchem_density.tables.label_summary import summarize_labels

    for summary in summarize_labels(table, targets):
        print(_label_line(summary))
    others = [task for task in table.tasks if task not in targets]
    if others:
        print(f"Other labels: {', '.join(others)}")


def _label_line(label: LabelSummary) -> str:
    """Return what a label is like, in the unit that it is shown in."""
    from deepchem_density.tables.shown_units import shown_factor, shown_unit

    unit, factor = shown_unit(label.unit), shown_factor(label.unit)
    stated = f", {label.unit} in files" if unit != label.unit else ""
    head = f"{label.name} ({unit or 'no unit known'}{stated}): {label.known:,} known, {label.missing:,} missing"
    if not label.known:
        return head
    named = ("low", "median", "high", "mean", "deviation", "first", "last")
    low, median, high, mean, deviation, first, last = (f"{factor * getattr(label, name):.4g}" for name in named)
    if label.values == 1:
        return f"{head}; all are {low}, there is nothing to learn"
    bars = "".join(BARS[round((len(BARS) - 1) * count / max(label.counts))] for count in label.counts)
    return f"{head}; {low} to {high}, median {median}, mean {mean}, deviation {deviation}\n  {first} {bars} {last}"


def describe_features(config: CurveConfig, features: FeatureOutlook, n_jobs: int) -> float:
    """Print what datapoints are like, which fail and why, and what solving takes; return the seconds."""
    from deepchem_density.workers import n_workers

    if len(features.seen) < features.total:
        print(f"Looked at {len(features.seen):,} of {features.total:,} {config.datapoints}, drawn at random.")
    readable = [one for one in features.seen if one.elements]
    if readable:
        print(f"Elements: {_elements([one.elements for one in readable])}")
        print(f"Sizes: {_sizes(config, readable)}")
    n_seen = f"{len(features.seen):,} looked at, {features.tried} of them solved"
    if features.failures:
        _print_reasons(features.failures, f"of {n_seen} have no voxels", config.datapoints)
    else:
        print(f"Nothing fails: {n_seen}.")
    if not features.solved:
        return 0.0
    workers = n_workers(n_jobs)
    seconds = features.seconds * features.total / workers
    print(
        f"Features: {duration(seconds)} with {workers} process{'es' if workers > 1 else ''} ({duration(features.seconds)} each, "
        f"voxels {duration(features.look_seconds)}), {size_in_words(features.n_bytes * features.total)} on disk"
    )
    return seconds


def _elements(counts: Sequence[Mapping[int, int]]) -> str:
    from deepchem_density.structures.structure import symbol

    holding = Counter(element for one in counts for element in one)
    return ", ".join(f"{symbol(element)} in {holding[element]:,}" for element in sorted(holding))


def _sizes(config: CurveConfig, seen: Sequence[Any]) -> str:
    """Return how large datapoints are, against the box."""
    atoms, widths = np.array([one.n_atoms for one in seen]), np.array([one.box_width for one in seen])
    half, most, largest = np.quantile(widths, SHARES, method="higher")
    beyond = int((widths > config.box_width).sum())
    of = "ligands" if config.of_complexes else "molecules"
    fit = f"{beyond:,} of {len(seen):,} do not fit" if beyond else "all fit"
    return (
        f"{atoms.min()} to {atoms.max():,} atoms, median {int(np.median(atoms)):,}; half of the {of} need a box of {half:g} Å, "
        f"95 % {most:g} Å, all {largest:g} Å; the box is {config.box_width:g} Å: {fit}"
    )


def _print_reasons(failures: Sequence[tuple[str, str]], what: str, datapoints: str) -> None:
    """Print how many failed for which reason, names and numbers left out of the reasons."""
    if not failures:
        return
    print(f"{len(failures):,} {what}:")
    kinds = counted_reasons(failures)
    for count, kind, first in kinds[:REASONS]:
        print(f"  {count:,} x {kind} (for instance {first})")
    if len(kinds) > REASONS:
        print(f"  {sum(count for count, *_ in kinds[REASONS:]):,} for {len(kinds) - REASONS} other reasons")


def _print_training(
    config: CurveConfig,
    features: FeatureOutlook,
    network: TrainingOutlook,
    sets: tuple[int, int, int],
    workers: int,
    plan: SearchPlan | None,
) -> float:
    """Print what training takes, and return the seconds."""
    from deepchem_density.curves.outlook import cell_seconds

    n_pool, n_valid, n_test = sets
    if plan is None:
        sizes = config.sizes(n_pool)
        pieces = [cell_seconds(config, network, size, n_valid, n_test) for size in sizes for _ in config.seeds]
        words, kept = f"{len(pieces)} cells", 4 * network.parameters + RESULT_BYTES * n_test * len(config.targets)
    else:
        size = round(plan.fraction * n_pool)
        inner = round(plan.valid_share * size)
        pieces = plan.n_trials * len(plan.inner_seeds) * [cell_seconds(config, network, size - inner, 0, inner)]
        words, kept = f"{plan.n_trials} trials at the first point's settings, none stopped early,", 0
    seconds = sum(pieces) / min(workers, len(pieces))
    memory = f" Memory: {size_in_words(network.peak_bytes * workers)} in all." if network.peak_bytes else ""
    disk = f", {size_in_words(kept * len(pieces))} on disk" if kept else ""
    most = "at most " if config.patience else ""
    print(
        f"Training: {most}{duration(seconds)} for {words} with {workers} process{'es' if workers > 1 else ''} "
        f"({duration(network.step_seconds)} a step, {network.parameters:,} parameters){disk}.{memory}"
    )
    return seconds


def size_in_words(n_bytes: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes > 1e9 else f"{n_bytes / 1e6:.1f} MB"
