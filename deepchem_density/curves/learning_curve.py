"""Learning curves: frozen configurations in, rows of results out.

The test set is fixed by ``split_seed`` and never used for training or choosing anything. The training sets of one seed
are nested: each fraction holds all smaller ones. Curves that are compared share test set and training molecules: what
fails in one representation is left out of all. Every cell (curve, fraction, seed) is trained once, however many workers train
cells and whoever of them is killed; this process alone writes what they send.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from deepchem_density.curves.baselines import Baselines
from deepchem_density.curves.cell_tasks import CellJob, keep_cell, latest, solved_by, train_cell, training_places
from deepchem_density.curves.cells import Cell, Row, cell_folder, cell_name, read_cell
from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.data import CurveData
from deepchem_density.curves.earlier_training import adopt, earlier_training
from deepchem_density.engine.tasks import Engine, Task
from deepchem_density.files import digest
from deepchem_density.progress import telling_now_and_then
from deepchem_density.voxels.store import SolvedStore
from deepchem_density.workers import WorkerError

__all__ = ["Cell", "Row", "run_curve", "run_curves"]

SHARED = (
    *("dataset", "data_dir", "smiles_column", "id_column", "targets", "task", "n_train", "n_valid", "n_test"),
    *("split", "split_by", "split_seed", "fractions", "seeds"),
)


class _Piece(NamedTuple):
    """A cell to come: which curve, which training size, which seed."""

    curve: int
    size: int
    seed: int


def run_curve(
    config: CurveConfig,
    out: str | Path,
    n_jobs: int | None = 1,
    on_epoch: Callable[[int, int, int, dict[str, float]], None] | None = None,
    on_cell: Callable[[Cell], None] | None = None,
    engine: Engine | None = None,
    baselines: Sequence[str] = (),
    on_data: Callable[[CurveConfig, CurveData], None] | None = None,
) -> list[Cell]:
    """Featurize, train and test every cell of a curve, and return them in order of training size and seed.

    Parameters
    ----------
    config : CurveConfig
        What to run.
    out : path
        Folder for solved molecules and finished cells. Cells that are there are not run again: a killed run goes on.
    n_jobs : int or None
        Processes of this machine that solve molecules; None has the engine's workers do it.
    on_epoch : callable, optional
        ``on_epoch(n_train, seed, epoch, metrics)``.
    on_cell : callable, optional
        Called with each cell as soon as it is finished or found.
    engine : Engine, optional
        From `open_engine`, which says where cells are trained: one after the other in this process, where there is none.
    baselines : sequence of str
        What it is compared with beside the constant and the line in element counts, of `curves.baselines.BASELINES`.
    on_data : callable, optional
        Called with the configuration and its molecules once they are read and solved.

    Raises
    ------
    ValueError
        A setting that cannot run.
    FeaturizationError
        No molecule could be featurized.
    WorkerError
        A cell ended its worker or took too long; raised when all others are finished.
    """
    epochs = None if on_epoch is None else lambda _, *arguments: on_epoch(*arguments)
    cells = None if on_cell is None else lambda _, cell: on_cell(cell)
    return run_curves([config], out, n_jobs, epochs, cells, engine, baselines, on_data)[0]


def run_curves(
    configs: Sequence[CurveConfig],
    out: str | Path,
    n_jobs: int | None = 1,
    on_epoch: Callable[[CurveConfig, int, int, int, dict[str, float]], None] | None = None,
    on_cell: Callable[[CurveConfig, Cell], None] | None = None,
    engine: Engine | None = None,
    baselines: Sequence[str] = (),
    on_data: Callable[[CurveConfig, CurveData], None] | None = None,
) -> list[list[Cell]]:
    """Run several curves on the same molecules, and return the cells of each.

    Parameters
    ----------
    configs : sequence of CurveConfig
        With the same data, split, fractions and seeds.
    out, n_jobs, engine
        As in `run_curve`.
    on_epoch, on_cell : callable, optional
        As in `run_curve`, with the configuration as first argument.
    baselines : sequence of str
        As in `run_curve`; cells that were finished without them get them now.
    on_data : callable, optional
        As in `run_curve`.

    Raises
    ------
    ValueError
        A setting that cannot run, or configurations that cannot be compared.
    FeaturizationError
        No molecule could be featurized.
    WorkerError
        As in `run_curve`.
    """
    _check(configs)
    engine = engine or Engine()
    # baselines are fitted while the engine is busy, so that what they need besides is solved here
    solve = partial(SolvedStore.solve, n_jobs=-1 if n_jobs is None else n_jobs)
    curves = _Curves(configs, Path(out), engine, Baselines(tuple(baselines), Path(out), solve))
    cells: dict[_Piece, Cell] = {}
    with engine.sharing(Path(out), *(Path(config.data_dir) for config in configs if config.data_dir)):
        try:
            curves.featurize(n_jobs, on_data)
            for piece, cell in curves.cells(on_epoch):
                cells[piece] = cell
                if on_cell is not None:
                    on_cell(configs[piece.curve], cell)
        finally:
            latest.forget()
    return [[cells[piece] for piece in curves.pieces() if piece.curve == c] for c in range(len(configs))]


def _check(configs: Sequence[CurveConfig]) -> None:
    if not configs:
        raise ValueError("No curve arrived; one configuration or more is accepted.")
    for config in configs:
        config.check()
        different = [name for name in SHARED if getattr(config, name) != getattr(configs[0], name)]
        if different:
            values = f"{getattr(configs[0], different[0])!r} and {getattr(config, different[0])!r}"
            raise ValueError(
                f"Curves with {different[0]}={values} arrived; only curves that share {', '.join(SHARED)} are compared."
            )


class _Curves:
    """The cells of several curves on the same molecules."""

    def __init__(self, configs: Sequence[CurveConfig], out: Path, engine: Engine, baselines: Baselines) -> None:
        self._configs = configs
        self._out = out
        self._engine = engine
        self._baselines = baselines
        self._failed: list[frozenset[str]] = [frozenset()] * len(configs)
        self._contents: list[str] = [""] * len(configs)
        self._pool: list[str] = []

    def featurize(self, n_jobs: int | None, on_data: Callable[[CurveConfig, CurveData], None] | None) -> None:
        """Read and solve the molecules of all curves, and note what failed."""
        for curve, config in enumerate(self._configs):
            data = latest.get(config, self._out.absolute(), partial(solved_by, self._engine, n_jobs), ())
            self._failed[curve] = frozenset(data.left_out)
            self._contents[curve] = data.content
            self._pool = data.table.ids[data.pool].astype(str).tolist()
            if on_data is not None:
                on_data(config, data)

    def pieces(self) -> list[_Piece]:
        """Return the cells of all curves, in order."""
        return [
            _Piece(curve, size, seed)
            for curve, config in enumerate(self._configs)
            for size in self._sizes()
            for seed in config.seeds
        ]

    def cells(self, on_epoch: Callable[..., None] | None) -> Iterator[tuple[_Piece, Cell]]:
        """Yield each cell: those that are finished, and then the others as soon as they are.

        Raises
        ------
        WorkerError
            After all others, if one or more ended their workers, or took too long.
        """
        tasks: dict[Task, _Piece] = {}
        for piece in self.pieces():
            found, goes_on_from = self._found(piece)
            if found is None:
                tasks[self._task(piece, goes_on_from)] = piece
            else:
                yield piece, self._with_baselines(piece, found)

        lost: list[str] = []
        finished, now_and_then = 0, telling_now_and_then()

        def tell(task: Task, message: Any) -> None:
            piece, (epoch, metrics) = tasks[task], message
            config = self._configs[piece.curve]
            name = cell_name(config.label, piece.size, piece.seed, config.datapoints)
            loss = metrics.get("validation_loss", metrics["train_loss"])
            when = f"{'look' if config.patience else 'epoch'} {epoch}"
            now_and_then(f"training: {finished} of {len(tasks)} cells; {name}: {when}, loss {loss:.3g}")
            if on_epoch is not None:
                on_epoch(config, piece.size, piece.seed, *message)

        for task, result in self._engine.run(list(tasks), tell):
            if isinstance(result, WorkerError):
                lost.append(f"{task.name}: {result}")
            else:
                piece = tasks[task]
                finished += 1
                yield piece, self._with_baselines(piece, keep_cell(self._folder(piece), result))
        if lost:
            raise WorkerError(
                f"{len(lost)} of {len(tasks)} cells could not be trained ({lost[0]}); the others are kept, and the same command "
                "tries again."
            )

    def _found(self, piece: _Piece) -> tuple[Cell | None, Path | None]:
        """Return a finished cell, or None and the state from which its training goes on, if there is one."""
        config, folder = self._configs[piece.curve], self._folder(piece)
        found = read_cell(folder)
        earlier = earlier_training(config, partial(self._folder, piece)) if found is None else None
        if earlier is None:
            return found, None
        return (None, earlier.state) if earlier.state is not None else (adopt(earlier.cell, config, folder), None)

    def _task(self, piece: _Piece, goes_on_from: Path | None) -> Task:
        folder = self._folder(piece)
        job = dataclasses.replace(self._job(piece), goes_on_from=goes_on_from and goes_on_from.absolute())
        return Task(folder.name, train_cell, (job, folder.absolute()))

    def _job(self, piece: _Piece) -> CellJob:
        identity = digest([self._contents[piece.curve], sorted(frozenset().union(*self._failed))])
        config, out, sizes = self._configs[piece.curve], self._out.absolute(), tuple(self._sizes())
        return CellJob(config, out, self._failed_elsewhere(piece.curve), identity, sizes, piece.size, piece.seed)

    def _with_baselines(self, piece: _Piece, cell: Cell) -> Cell:
        job = self._job(piece)
        if not self._baselines.missing(cell, job.config):
            return cell
        data = latest.get(job.config, job.out, SolvedStore.stored, job.without)
        return self._baselines.added(cell, data, training_places(job, data))

    def _folder(self, piece: _Piece, settings: CurveConfig | None = None) -> Path:
        """Return where a cell is kept, or would be under other settings."""
        config, content = settings or self._configs[piece.curve], self._contents[piece.curve]
        without = self._failed_elsewhere(piece.curve)
        return cell_folder(config, self._out, piece.size, piece.seed, without, content)

    def _failed_elsewhere(self, curve: int) -> tuple[str, ...]:
        return tuple(sorted(frozenset().union(*self._failed) - self._failed[curve]))

    def _sizes(self) -> list[int]:
        failed = frozenset().union(*self._failed)
        n_pool = sum(molecule not in failed for molecule in self._pool)
        return self._configs[0].sizes(n_pool)
