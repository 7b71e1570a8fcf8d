"""Trainings under a smaller cap, which one under a larger need not repeat: what stalled stays, what was cut off goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deepchem_density.curves.cell_tasks import cell_files, keep_cell
from deepchem_density.curves.cells import TRAINING_STATE, Cell, Row, read_cell, write_cell
from deepchem_density.curves.config import CurveConfig
from deepchem_density.models.until_stalled import held_state, warming_steps

__all__ = ["EarlierTraining", "adopt", "earlier_training"]


@dataclass(frozen=True)
class EarlierTraining:
    """A finished cell that differs in its cap alone.

    Parameters
    ----------
    cell : Cell
        What came out.
    state : path or None
        From which it goes on under a larger cap; None where it stalled, so that its cap did not matter.
    """

    cell: Cell
    state: Path | None


def earlier_training(config: CurveConfig, folder_of: Callable[[CurveConfig], Path]) -> EarlierTraining | None:
    """Return the training of a cell under the largest smaller cap, None where there is none that helps.

    Parameters
    ----------
    config : CurveConfig
        Of the cell; without patience, or with its cap in epochs, there is none.
    folder_of : callable
        ``folder_of(config)`` returns the folder of that cell under other settings, as `cell_folder` names it.
    """
    if not (config.patience and config.steps):
        return None
    own = folder_of(config)
    alike, _, _ = own.name.rpartition("-")
    found: dict[int, EarlierTraining] = {}
    for result in own.parent.parent.glob(f"*/{alike}-*/result.json"):
        folder = result.parent
        cell = read_cell(folder)
        cap = cell.rows[0].get("cap", 0) if cell is not None else 0
        if cell is None or not 0 < cap < config.steps or warming_steps(cap) != warming_steps(config.steps):
            continue
        if folder_of(dataclasses.replace(config, steps=cap)) != folder:
            continue
        capped, state = cell.rows[0]["capped"], held_state(folder / TRAINING_STATE)
        if capped and state.is_file():
            found[cap] = EarlierTraining(cell, state)
        elif not capped and cell.rows[0]["steps"] < cap:
            found[cap] = EarlierTraining(cell, None)
    return found[max(found)] if found else None


def adopt(cell: Cell, config: CurveConfig, folder: Path) -> Cell:
    """Keep a cell that stalled under a smaller cap as one of a larger cap too, and return it."""
    adopted = keep_cell(folder, cell_files(cell.model_dir.parent))
    about = {"study": config.study, "cap": config.steps}  # of which rows of later baselines have no cap

    def renamed(rows: list[Row]) -> list[Row]:
        return [{name: about.get(name, value) for name, value in row.items()} for row in rows]

    adopted = dataclasses.replace(adopted, rows=renamed(adopted.rows), part_rows=renamed(adopted.part_rows))
    write_cell(adopted)
    return adopted
