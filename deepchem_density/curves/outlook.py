"""What a run would meet and take, found out beforehand: datapoints that fail and why, time, disk and memory.

Every datapoint is read and checked, as far as a minute allows, a few are solved, and a network is trained for a few steps.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepchem_density.curves.cells import VALIDATIONS, looks_of
from deepchem_density.curves.config import CurveConfig
from deepchem_density.featurizers.looked_dataset import LookedDataset
from deepchem_density.models.deepchem_model import VoxelCNNModel
from deepchem_density.models.settled_statistics import SETTLED, SETTLED_TO_LOOK
from deepchem_density.progress import progress_of
from deepchem_density.tables.complex_table import ComplexTable
from deepchem_density.tables.molecule_table import MoleculeTable
from deepchem_density.tables.smiles_table import SmilesTable
from deepchem_density.voxels.datapoints import located
from deepchem_density.voxels.first_look import FirstLook, Seen
from deepchem_density.voxels.solved import Solved, Solver
from deepchem_density.workers import map_in_order

__all__ = ["FeatureOutlook", "TrainingOutlook", "cell_seconds", "features_outlook", "training_outlook"]

ENOUGH = 60.0
"""Seconds of reading after which no further datapoint is looked at; those that were are drawn at random."""
EVEN, TELLING = 10, 12
"""Datapoints that are solved to measure time, spread over all; and further ones, one for each element, and the largest."""
PATIENCE = 60.0
"""Seconds of solving after which no further one is tried."""
STEPS = 8


@dataclass(frozen=True, eq=False)
class FeatureOutlook:
    """What was seen of datapoints, and what solving them takes.

    Parameters
    ----------
    total : int
        Datapoints.
    seen : sequence of Seen
        What a first look told, of those that were looked at.
    solved : sequence of Solved
        What was solved.
    tried : int
        Datapoints that were solved, or not solved in vain.
    failures : sequence of (str, str)
        Id and reason of each that would have no voxels: at the first look, or when it was solved or looked at.
    seconds, look_seconds : float
        Of one core for reading and solving a datapoint, and for its voxels; NaN where all failed.
    n_bytes : float
        That a solved datapoint takes on disk.
    """

    total: int
    seen: Sequence[Seen]
    solved: Sequence[Solved]
    tried: int
    failures: Sequence[tuple[str, str]]
    seconds: float
    look_seconds: float
    n_bytes: float


@dataclass(frozen=True)
class TrainingOutlook:
    """What a network takes.

    Parameters
    ----------
    parameters : int
        Weights of the network.
    step_seconds, predict_seconds : float
        Of a gradient step, and of the prediction for one datapoint, voxels included.
    peak_bytes : int
        The most memory that this process has held so far, 0 where the system does not tell.
    """

    parameters: int
    step_seconds: float
    predict_seconds: float
    peak_bytes: int


def features_outlook(
    config: CurveConfig, table: MoleculeTable | SmilesTable | ComplexTable, n_jobs: int = 1, enough: float = ENOUGH
) -> FeatureOutlook:
    """Look at the datapoints of a table, and solve some of them.

    Parameters
    ----------
    config : CurveConfig
        How they are looked at.
    table : MoleculeTable, SmilesTable or ComplexTable
        What is looked at.
    n_jobs : int
        Processes that read; solving, which is timed, takes one.
    enough : float
        Seconds of reading after which no further one is looked at.

    Raises
    ------
    ValueError
        Datapoints that do not go together.
    """
    recipe = config.recipe
    random = config.orientation == "random"
    everything = table.datapoints()
    recipe.check_alike(everything)
    order = np.random.default_rng(0).permutation(len(table))
    looks = map_in_order(FirstLook(recipe, random), [located(everything[i], recipe.reading) for i in order], n_jobs)
    seen, end = [], time.monotonic() + enough
    for look in progress_of(looks, len(table), "looking", config.datapoints):
        if isinstance(look, Exception):
            look = Seen(failure=str(look))
        seen.append(look)
        if time.monotonic() > end:
            break
    failures = [(str(table.ids[order[i]]), one.failure) for i, one in enumerate(seen) if one.failure]
    places = [i for i, one in enumerate(seen) if not one.failure]
    even, telling = _to_try(seen, places)
    solved, taken, late = _solve(config, {i: everything[order[i]] for i in [*even, *telling]})
    failures += [(str(table.ids[order[i]]), reason) for i, reason in late.items()]
    look_seconds, refused = _look(config, solved)
    failures += [(str(table.ids[order[i]]), reason) for i, reason in refused.items()]
    fair = [taken[i] for i in even if i in taken]
    kept = [one.n_bytes for i, one in solved.items() if i in even]
    return FeatureOutlook(
        *(len(table), seen, list(solved.values()), len(taken), failures),
        *(float(np.mean(fair)) if fair else float("nan"), look_seconds, float(np.mean(kept)) if kept else 0.0),
    )


def _to_try(seen: Sequence[Seen], places: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return places that are spread evenly, and others that are likely to fail: of rare elements, and the largest."""
    if not places:
        return [], []
    even = [places[i] for i in np.unique(np.linspace(0, len(places) - 1, EVEN).round().astype(int))]
    first: dict[int, int] = {}
    counts: dict[int, int] = {}
    for place in places:
        for element in seen[place].elements:
            first.setdefault(element, place)
            counts[element] = counts.get(element, 0) + 1
    rare = [first[element] for element in sorted(counts, key=lambda one: counts[one])]
    telling = dict.fromkeys([max(places, key=lambda place: seen[place].n_atoms), *rare])
    return even, [place for place in telling if place not in even][:TELLING]


def _solve(
    config: CurveConfig, datapoints: dict[int, Any]
) -> tuple[dict[int, Solved], dict[int, float], dict[int, str]]:
    """Return what was solved, the seconds of each try, and the reasons of those that failed, by place."""
    solver = Solver(config.rep, config.recipe)
    list(map_in_order(solver, list(datapoints.values())[:1]))  # loads libraries and compiles
    solved: dict[int, Solved] = {}
    taken: dict[int, float] = {}
    failed: dict[int, str] = {}
    for place, datapoint in datapoints.items():
        if sum(taken.values()) > PATIENCE:
            break
        started = time.perf_counter()
        (result,) = map_in_order(solver, [datapoint])
        taken[place] = time.perf_counter() - started
        if isinstance(result, Exception):
            failed[place] = str(result)
        else:
            solved[place] = result
    return solved, taken, failed


def _look(config: CurveConfig, solved: dict[int, Solved]) -> tuple[float, dict[int, str]]:
    """Return the median seconds for the voxels of a datapoint, and the reasons of those that have none, taken out."""
    seconds, refused = [], {}
    for place in list(solved):
        started = time.perf_counter()
        (result,) = map_in_order(config.recipe.voxels, [solved[place]])
        seconds.append(time.perf_counter() - started)
        if isinstance(result, Exception):
            refused[place] = str(result)
            del solved[place]
    return float(np.median(seconds[1:] or seconds)) if seconds else float("nan"), refused


def training_outlook(config: CurveConfig, solved: Sequence[Solved]) -> TrainingOutlook:
    """Train a network for a few steps on some solved datapoints, and say what it takes.

    Parameters
    ----------
    config : CurveConfig
        Network and voxels.
    solved : sequence of Solved
        One or more.
    """
    rows = [solved[i % len(solved)] for i in range(config.batch_size)]
    labels = np.random.default_rng(0).random((len(rows), len(config.targets)))
    orientation = "random" if config.orientation == "random" else "fixed"
    dataset = LookedDataset(rows, config.recipe, labels, ids=np.arange(len(rows)), orientation=orientation)
    model = VoxelCNNModel(**config.network)

    def fit(steps: int) -> float:
        started = time.perf_counter()
        model.fit(dataset, nb_epoch=None, max_steps=steps, checkpoint_interval=0, progress=False)
        return time.perf_counter() - started

    fit(1)  # loads and compiles
    step = max(fit(STEPS + 1) - fit(1), 0.0) / STEPS
    started = time.perf_counter()
    model.predict(dataset)
    predict = (time.perf_counter() - started) / len(rows)
    return TrainingOutlook(sum(p.numel() for p in model.model.parameters()), step, predict, peak_memory())


def cell_seconds(config: CurveConfig, network: TrainingOutlook, n_train: int, n_valid: int, n_test: int) -> float:
    """Return how long a cell takes: its steps, what it watches, how its normalization settles, and its test.

    With patience these are all the steps of its cap, and after each round normalization settles and the validation set is tried.
    """
    predicted = n_test + VALIDATIONS * n_valid + min(SETTLED, n_train)
    if config.patience:
        predicted += looks_of(config, n_train) * (n_valid + min(SETTLED_TO_LOOK, n_train))
    return config.steps_for(n_train) * network.step_seconds + predicted * network.predict_seconds


def peak_memory() -> int:
    """Return the most memory in bytes that this process has held, 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
