"""Learning curves: frozen configurations in, rows of results out.

The test set is fixed by ``split_seed`` and never used for training or choosing anything. The training sets of one seed
are nested: each fraction holds all smaller ones. Curves that are compared share test set and training molecules: what
fails in one representation is left out of all. Every cell (curve, fraction, seed) is trained once, also when several
processes or machines work in one folder or some of them are killed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

from deepchem_density.curves.baselines import Baselines
from deepchem_density.curves.cells import Cell, EpochHook, Row, cell_folder, read_cell, run_cell
from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.data import CurveData, prepare
from deepchem_density.curves.sharing import STALE_AFTER, Claim, share
from deepchem_density.tables.splits import nested_fractions
from deepchem_density.voxels.store import SolvedStore

__all__ = ["Cell", "Row", "run_curve", "run_curves"]

logger = logging.getLogger(__name__)
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
    n_jobs: int = 1,
    on_epoch: Callable[[int, int, int, dict[str, float]], None] | None = None,
    on_cell: Callable[[Cell], None] | None = None,
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
    n_jobs : int
        Processes that solve molecules.
    on_epoch : callable, optional
        ``on_epoch(n_train, seed, epoch, metrics)``.
    on_cell : callable, optional
        Called with each cell as soon as it is finished or found.
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
    """
    epochs = None if on_epoch is None else lambda _, *arguments: on_epoch(*arguments)
    cells = None if on_cell is None else lambda _, cell: on_cell(cell)
    return run_curves([config], out, n_jobs, epochs, cells, baselines=baselines, on_data=on_data)[0]


def run_curves(
    configs: Sequence[CurveConfig],
    out: str | Path,
    n_jobs: int = 1,
    on_epoch: Callable[[CurveConfig, int, int, int, dict[str, float]], None] | None = None,
    on_cell: Callable[[CurveConfig, Cell], None] | None = None,
    stale_after: float = STALE_AFTER,
    baselines: Sequence[str] = (),
    on_data: Callable[[CurveConfig, CurveData], None] | None = None,
) -> list[list[Cell]]:
    """Run several curves on the same molecules, together with whoever else works in the folder, and return the cells of each.

    Parameters
    ----------
    configs : sequence of CurveConfig
        With the same data, split, fractions and seeds.
    out, n_jobs
        As in `run_curve`.
    on_epoch, on_cell : callable, optional
        As in `run_curve`, with the configuration as first argument. ``on_cell`` is called while the cell is claimed: no
        two processes are in it with the same cell.
    stale_after : float
        As in `claimed`.
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
    """
    _check(configs)
    curves = _Curves(configs, Path(out), n_jobs, stale_after, Baselines(tuple(baselines), Path(out), n_jobs))
    curves.featurize(on_data)
    pieces = curves.pieces()
    cells: dict[_Piece, Cell] = {}
    while len(cells) < len(pieces):
        waiting = [piece for piece in pieces if piece not in cells]
        with closing(share(waiting, curves.folder, stale_after)) as shared:
            for piece, claim in shared:
                config = configs[piece.curve]
                hook = None if on_epoch is None else partial(on_epoch, config, piece.size, piece.seed)
                cell = curves.cell(piece, claim, hook)
                if cell is None:
                    logger.warning("Somebody else has taken over '%s'; it is waited for.", curves.folder(piece).name)
                    continue
                cells[piece] = cell
                if on_cell is not None:
                    on_cell(config, cell)
    return [[cells[piece] for piece in pieces if piece.curve == c] for c in range(len(configs))]


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

    def __init__(
        self, configs: Sequence[CurveConfig], out: Path, n_jobs: int, stale_after: float, baselines: Baselines
    ) -> None:
        self._configs = configs
        self._out = out
        self._n_jobs = n_jobs
        self._stale_after = stale_after
        self._baselines = baselines
        self._failed: list[frozenset[str]] = [frozenset()] * len(configs)
        self._contents: list[str] = [""] * len(configs)
        self._pool: list[str] = []
        self._loaded: tuple[int, CurveData] | None = None

    def featurize(self, on_data: Callable[[CurveConfig, CurveData], None] | None = None) -> None:
        """Read and solve the molecules of all curves, each in one process only, and note what failed."""
        with closing(share(range(len(self._configs)), self._voxels, self._stale_after)) as shared:
            for curve, _ in shared:
                data = self._featurize(curve)
                if on_data is not None:
                    on_data(self._configs[curve], data)
        if self._loaded is not None and self._failed_elsewhere(self._loaded[0]):
            self._loaded = None  # it holds molecules that must not be used

    def _featurize(self, curve: int) -> CurveData:
        self._loaded = None  # before the next are read: both at once may not fit into memory
        data = prepare(self._configs[curve], self._out, self._n_jobs)
        self._failed[curve] = frozenset(data.left_out)
        self._contents[curve] = data.content
        self._pool = data.table.ids[data.pool].astype(str).tolist()
        self._loaded = (curve, data)
        return data

    def pieces(self) -> list[_Piece]:
        """Return the cells of all curves, in order."""
        return [
            _Piece(curve, size, seed)
            for curve, config in enumerate(self._configs)
            for size in self._sizes()
            for seed in config.seeds
        ]

    def folder(self, piece: _Piece) -> Path:
        """Return where a cell is kept."""
        failed = self._failed_elsewhere(piece.curve)
        content = self._contents[piece.curve]
        return cell_folder(self._configs[piece.curve], self._out, piece.size, piece.seed, failed, content)

    def cell(self, piece: _Piece, claim: Claim, on_epoch: EpochHook | None) -> Cell | None:
        """Return a cell that is finished, or train it; None where somebody else has taken it over."""
        folder, config = self.folder(piece), self._configs[piece.curve]
        cell = read_cell(folder)
        if cell is not None and not self._baselines.missing(cell, config):
            return cell
        data, sizes = self._load(piece.curve), self._sizes()
        train = nested_fractions(data.pool, sizes, piece.seed)[sizes.index(piece.size)]
        if cell is None:
            cell = run_cell(config, data, train, piece.seed, folder, on_epoch, still_wanted=lambda: claim.held)
        return None if cell is None else self._baselines.added(cell, data, train)

    def _voxels(self, curve: int) -> Path:
        return SolvedStore(self._out / "solved", self._configs[curve].recipe).claim

    def _sizes(self) -> list[int]:
        failed = frozenset().union(*self._failed)
        n_pool = sum(molecule not in failed for molecule in self._pool)
        return self._configs[0].sizes(n_pool)

    def _failed_elsewhere(self, curve: int) -> tuple[str, ...]:
        return tuple(sorted(frozenset().union(*self._failed) - self._failed[curve]))

    def _load(self, curve: int) -> CurveData:
        if self._loaded is None or self._loaded[0] != curve:
            self._loaded = None
            failed = self._failed_elsewhere(curve)
            self._loaded = (curve, prepare(self._configs[curve], self._out, self._n_jobs, failed))
        return self._loaded[1]
