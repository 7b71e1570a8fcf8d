"""Do labels belong to their molecules? An extensive property must follow the number of atoms of each element."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol, cast

import numpy as np
from rdkit import Chem, rdBase

from deepchem_density.structures.structure import Structure
from deepchem_density.tables.baselines import predict_linear
from deepchem_density.tables.molecule_table import MoleculeTable

__all__ = ["LEAST_R2", "LabelCheck", "LabelWarning", "can_check_labels", "check_labels"]

# Least R² of a line in the element counts that counts as aligned, best task first. On QM9 the line gives 0.99999 for
# the total energies, 0.997 for zpve and 0.86 for alpha; one row off, in QM9's order, where neighbours are alike, still
# gives 0.59, 0.71 and 0.48. Heat capacity is not here: 0.70 against 0.62 tells nothing.
LEAST_R2: dict[str, float] = {"u0": 0.99, "u298": 0.99, "h298": 0.99, "g298": 0.99, "zpve": 0.95, "alpha": 0.7}

_MOST_MOLECULES = 3000
_LEAST_MOLECULES = 50


class LabelWarning(UserWarning):
    """Labels that seem to belong to other molecules."""


class _Dataset(Protocol):
    """The part of a DeepChem dataset that is used here; its X, possibly gigabytes of voxels, only as a last resort."""

    ids: np.ndarray
    y: np.ndarray
    w: np.ndarray

    def get_task_names(self) -> Sequence[str]: ...

    def itersamples(self) -> Iterable[Iterable[Any]]: ...


@dataclass(frozen=True)
class LabelCheck:
    """What `check_labels` found.

    Parameters
    ----------
    task : str
        The label that was checked.
    r2 : float
        Coefficient of determination of its least-squares line in the element counts.
    aligned : bool
        Whether `r2` is as high as labels of the right molecules give.
    n_molecules : int
        How many molecules the line was fitted to.
    """

    task: str
    r2: float
    aligned: bool
    n_molecules: int


def check_labels(molecules: Any, y: np.ndarray | None = None, task: str | None = None) -> LabelCheck:
    """Fit an extensive label by a line in the element counts; warn if it does not follow them.

    Parameters
    ----------
    molecules : MoleculeTable, deepchem.data.Dataset, array or sequence
        A table or a dataset brings its own labels; a dataset must have SMILES as ids (as DeepChem's SDFLoader and
        MoleculeNet give them) or RDKit molecules as X, and may be normalized. Otherwise an (n, n_elements) array of
        element counts, or a sequence of Structure, RDKit molecules or SMILES, and `y`. An in-memory dataset
        (NumpyDataset) does not know the names of its tasks: one label needs `task`, several need `y` and `task`.
    y : np.ndarray, optional
        (n,) or (n, 1) labels, in place of the molecules' own; NaN where not known.
    task : str, optional
        Which label: u0, u298, h298, g298, zpve or alpha. By default the first of them that there is.

    Returns
    -------
    LabelCheck
        At most 3,000 molecules, evenly spread, are looked at.

    Raises
    ------
    ValueError
        If there is no extensive label, there are fewer than 50 molecules, all have the same formula, or the elements
        of a dataset's molecules cannot be told.

    Warns
    -----
    LabelWarning
        If R² is below what the label gives when it belongs to its molecule (`LEAST_R2`).

    Notes
    -----
    deepchem 2.8.0 attaches most labels of QM7, QM8 and QM9, and of any SDF file with unreadable records and labels in
    a CSV file, to other molecules (https://github.com/deepchem/deepchem/issues/4485). A mean absolute error that does
    not fall with more data is often the only other sign.
    """
    task, labels = _pick_labels(molecules, y, task)
    known = np.flatnonzero(np.isfinite(labels))
    if len(known) > _MOST_MOLECULES:
        known = known[np.linspace(0, len(known) - 1, _MOST_MOLECULES).round().astype(np.int64)]
    counts, readable = _count_elements(molecules, known)
    labels = labels[known][readable]
    if len(labels) < _LEAST_MOLECULES:
        raise ValueError(
            f"the label check needs {_LEAST_MOLECULES} molecules with a known label, {len(labels)} arrived"
        )
    if not np.ptp(counts, axis=0).any() or np.ptp(labels) == 0:
        raise ValueError("the label check cannot tell anything: all molecules have the same formula or the same label")
    residual = labels - predict_linear(counts, labels, counts)
    r2 = float(1 - residual.var() / labels.var())
    check = LabelCheck(task=task, r2=r2, aligned=r2 >= LEAST_R2[task], n_molecules=len(labels))
    if not check.aligned:
        warnings.warn(
            f"{task} does not follow the element counts (R² {r2:.3f} over {len(labels)} molecules, at least "
            f"{LEAST_R2[task]} where each label belongs to its molecule): labels seem to be attached to other "
            "molecules, as deepchem 2.8.0 does with QM7, QM8, QM9 and SDF files with a CSV (deepchem issue #4485); "
            "load them with deepchem_density's load_qm9, load_sample or load_sdf_csv",
            LabelWarning,
            stacklevel=2,
        )
    return check


def can_check_labels(table: MoleculeTable) -> bool:
    """Whether the table has what `check_labels` needs: an extensive label, enough molecules, more than one formula."""
    tasks = [task for task in LEAST_R2 if task in table.tasks]
    if not tasks:
        return False
    known = np.isfinite(table.column(tasks[0]))
    counts = table.element_counts(table.elements)[known]
    return len(counts) >= _LEAST_MOLECULES and bool(np.ptp(counts, axis=0).any())


def _pick_labels(molecules: Any, y: np.ndarray | None, task: str | None) -> tuple[str, np.ndarray]:
    """Task and its (n,) labels, NaN where not known."""
    if y is not None:
        if task is None:
            raise ValueError(f"labels given as y need the name of their task, one of {', '.join(LEAST_R2)}")
        return _known_task(task, [task]), _as_column(y, len(molecules))
    if isinstance(molecules, MoleculeTable):
        task = _known_task(task, molecules.tasks)
        return task, molecules.column(task)
    if not hasattr(molecules, "get_task_names"):
        raise ValueError(f"{type(molecules).__name__} brings no labels of its own; pass y and task")
    dataset = cast("_Dataset", molecules)
    n = len(dataset.ids)
    names = [str(name) for name in dataset.get_task_names()]
    if task is not None and names == ["0"]:  # an in-memory dataset numbers its tasks
        names = [task]
    task = _known_task(task, names)
    column = names.index(task)
    labels = np.asarray(dataset.y, dtype=np.float64).reshape(n, -1)[:, column]
    weights = np.asarray(dataset.w, dtype=np.float64).reshape(n, -1)
    return task, np.where(weights[:, min(column, weights.shape[1] - 1)] > 0, labels, np.nan)


def _known_task(task: str | None, available: Iterable[str]) -> str:
    available = list(available)
    candidates = [name for name in ([task] if task else LEAST_R2) if name in available and name in LEAST_R2]
    if not candidates:
        asked = f"task {task!r}" if task else f"tasks {', '.join(available)}"
        raise ValueError(f"the label check needs an extensive label, one of {', '.join(LEAST_R2)}; here: {asked}")
    return candidates[0]


def _as_column(y: np.ndarray, n: int) -> np.ndarray:
    column = np.asarray(y, dtype=np.float64)
    if column.shape not in ((n,), (n, 1)):
        raise ValueError(f"y of shape {column.shape} arrived; ({n},) or ({n}, 1) is accepted for {n} molecules.")
    return column.reshape(n)


def _count_elements(molecules: Any, picked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n_readable, n_elements) counts of the molecules at `picked`, and which of these could be read (boolean)."""
    everything = np.ones(len(picked), dtype=bool)
    if isinstance(molecules, MoleculeTable):
        return molecules.element_counts(molecules.elements)[picked], everything
    if isinstance(molecules, np.ndarray) and molecules.ndim == 2:
        return molecules[picked], everything
    if hasattr(molecules, "get_task_names"):
        return _count_dataset(cast("_Dataset", molecules), picked)
    atoms = [_atomic_numbers(molecules[i]) for i in picked]
    return _stack_counts(atoms)


def _count_dataset(dataset: _Dataset, picked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ids = dataset.ids
    counts, readable = _stack_counts([_atomic_numbers(str(ids[i])) for i in picked])
    if readable.mean() >= 0.5:
        return counts, readable
    samples = (next(iter(sample)) for sample in dataset.itersamples())
    first = next(samples)
    if not isinstance(first, Chem.Mol):
        raise ValueError(
            f"the ids of this dataset, such as {ids[0]!r}, are not SMILES and its X are not RDKit molecules, so its "
            "elements cannot be told; pass the molecules themselves and y"
        )
    wanted = set(picked.tolist())
    return _stack_counts([_atomic_numbers(x) for i, x in enumerate(chain([first], samples)) if i in wanted])


def _stack_counts(atoms: Sequence[np.ndarray | None]) -> tuple[np.ndarray, np.ndarray]:
    readable = np.array([numbers is not None for numbers in atoms], dtype=bool)
    counts = [np.bincount(numbers, minlength=119) for numbers in atoms if numbers is not None]
    return np.array(counts, dtype=np.int64).reshape(-1, 119), readable


def _atomic_numbers(molecule: Any) -> np.ndarray | None:
    """Atomic numbers, hydrogens included; None for a SMILES that cannot be read."""
    if isinstance(molecule, Structure):
        return np.asarray(molecule.numbers, dtype=np.int64)
    if isinstance(molecule, str):
        with rdBase.BlockLogs():
            parsed = Chem.MolFromSmiles(molecule)
            molecule = None if parsed is None else Chem.AddHs(parsed)
    elif isinstance(molecule, Chem.Mol):
        # with coordinates the atoms are those listed; without, hydrogens may be implicit
        molecule = molecule if molecule.GetNumConformers() else Chem.AddHs(molecule)
    else:
        raise TypeError(f"expected a Structure, an RDKit molecule or a SMILES, not {type(molecule).__name__}")
    if molecule is None or molecule.GetNumAtoms() == 0:
        return None
    return np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()], dtype=np.int64)
