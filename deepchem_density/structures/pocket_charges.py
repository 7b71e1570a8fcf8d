"""Charges of atoms from the valences that their neighbours leave unused: PDB files rarely give them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.bonds import PocketBonds, covalent_radii
from deepchem_density.structures.structure import symbol

__all__ = ["ION_CHARGES", "valence_charges"]

ION_CHARGES = {
    **dict.fromkeys((3, 11, 19, 37, 55), 1),  # Li Na K Rb Cs
    **dict.fromkeys((12, 20, 38, 56, 25, 26, 27, 28, 29, 30, 48, 80), 2),  # Mg Ca Sr Ba Mn Fe Co Ni Cu Zn Cd Hg
    **dict.fromkeys((2, 10, 18, 36, 54), 0),  # noble gases
}
"""Charges of single atoms that form no covalent bonds, where the source gives none."""

VALENCES = {
    **dict.fromkeys((1, 9, 17, 35, 53), (1,)),
    **dict.fromkeys((5, 7), (3,)),
    **dict.fromkeys((6, 14), (4,)),
    8: (2,),
    **dict.fromkeys((15, 33), (3, 5)),
    **dict.fromkeys((16, 34), (2, 4, 6)),
}
_ONIUM = {(5, 4): -1, (7, 4): 1}
"""Charge of an element with one neighbour more than its valence."""

_C, _N, _O, _P, _S, _SE = 6, 7, 8, 15, 16, 34

# For a valence left over, by element and number of neighbours: in which order atoms are taken for it, their charge then.
_CHAIN_END, _NONSENSE = 0, 9
_LEFT_OVER = {
    (_O, 1): (1, -1),
    **dict.fromkeys([(_S, 1), (_SE, 1)], (2, -1)),
    **dict.fromkeys([(9, 0), (17, 0), (35, 0), (53, 0)], (3, -1)),
    **dict.fromkeys([(_S, 3), (_SE, 3), (_P, 4), (33, 4)], (5, 1)),
}


@lru_cache(maxsize=1)
def _spare_valences() -> np.ndarray:
    """Return what is left of the valence of an element, by atomic number and number of neighbours up to 7; -1: too many."""
    spare = np.full((119, 8), -1)
    spare[:, 0] = 0
    for number, valences in VALENCES.items():
        for valence in reversed(valences):
            spare[number, : valence + 1] = valence - np.arange(valence + 1)
    spare[[_S, _SE], 4] = 2  # sulfones, sulfates; sulfuranes are not known here
    for number, n_neighbours in _ONIUM:
        spare[number, n_neighbours] = 0
    return spare


def valence_charges(cut: PocketBonds) -> tuple[np.ndarray, np.ndarray]:
    """Return the charge of each kept atom (n,), and the atoms that lack a bond to a residue which the file does not hold."""
    numbers, n_neighbours = cut.pocket.numbers, cut.n_neighbours
    spare = _spare_valences()[numbers, np.minimum(n_neighbours, 7)]
    charges = _ion_charges(cut)
    for (number, count), charge in _ONIUM.items():
        charges[(numbers == number) & (n_neighbours == count)] = charge
    inner = cut.bonds[cut.bonds[:, 1] < len(numbers)]
    _settle_oxygens(cut, inner, spare, charges)
    lacking = (spare < 0) | ((numbers == _C) & (n_neighbours == 3) & cut.lopsided & ~cut.multiple)
    if lacking.any():
        raise _nonsense(cut, int(np.argmax(lacking)))
    chain_ends = []
    for atoms, bonded in _unsaturated(spare, inner):
        fates = [_fate(cut, i, atoms) for i in atoms]
        for k in unpaired_atoms(bonded, spare[atoms], [order for order, _ in fates]):
            order, charge = fates[k]
            if order == _NONSENSE:
                raise _nonsense(cut, atoms[k])
            charges[atoms[k]] += charge
            if charge == 0:
                chain_ends.append(atoms[k])
    return charges, np.array(chain_ends, dtype=np.int64)


def _ion_charges(cut: PocketBonds) -> np.ndarray:
    """Return the charges (n,) of atoms that form no covalent bonds, 0 for all others."""
    pocket, residues = cut.pocket, np.asarray(cut.pocket.residues)
    charges = np.zeros(len(pocket.numbers), dtype=np.int64)
    for i in np.flatnonzero(covalent_radii()[pocket.numbers] == 0):
        given = 0 if pocket.formal_charges is None else int(pocket.formal_charges[i])
        number = int(pocket.numbers[i])
        shared = np.count_nonzero(residues == residues[i]) > 1
        if shared or not (given or number in ION_CHARGES):
            where = "shares its residue with other atoms" if shared else "is given no charge (columns 79-80 of PDB)"
            raise FeaturizationError(
                f"{cut.description(i)} in the {pocket.name} {where}, so the charge of all is not known; only single ions of "
                f"{', '.join(map(symbol, ION_CHARGES))} need none: pass a smaller pocket_radius, or source='independent_atoms'."
            )
        charges[i] = given or ION_CHARGES[number]
    return charges


def _settle_oxygens(cut: PocketBonds, inner: np.ndarray, spare: np.ndarray, charges: np.ndarray) -> None:
    """Write what nitro groups and carboxylates are, for which counting pairs alone may find another resonance structure."""
    numbers, three = cut.pocket.numbers, cut.n_neighbours == 3
    ends = (numbers == _O) & (cut.n_neighbours == 1)
    to_ends = inner[ends[inner[:, 1]]]
    n_ends = np.bincount(to_ends[:, 0], minlength=len(numbers))
    nitro = (numbers == _N) & three & (n_ends >= 2)
    spare[nitro] = charges[nitro] = 1
    carboxylate = (numbers == _C) & three & (n_ends == 2)
    charges[carboxylate] = -1
    spare[carboxylate] = spare[to_ends[carboxylate[to_ends[:, 0]], 1]] = 0


def _unsaturated(spare: np.ndarray, inner: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the sets of bonded atoms with spare valences that do not pair off at once: indices (k,), which are bonded (k, k)."""
    open_bonds = inner[(spare[inner] > 0).all(axis=1)]
    n = len(spare)
    bonded = coo_matrix((np.ones(len(open_bonds), dtype=bool), tuple(open_bonds.T)), shape=(n, n)).tocsr()
    _, labels = connected_components(bonded, directed=False)
    atoms = np.flatnonzero(spare > 0)
    atoms = atoms[np.argsort(labels[atoms], kind="stable")]
    for members in np.split(atoms, np.flatnonzero(np.diff(labels[atoms])) + 1):
        if len(members) and not (len(members) == 2 and spare[members[0]] == spare[members[1]]):
            yield members, bonded[members][:, members].toarray()


def unpaired_atoms(bonded: np.ndarray, spare: np.ndarray, order: list[int]) -> list[int]:
    """Return the atoms with a valence left over when as many as possible of their ``spare`` ones (k,) are paired.

    Where several atoms may have it, that of lowest ``order`` has. The largest number of pairs is half the rank of the Tutte
    matrix (Tutte 1947, doi:10.1112/jlms/s1-22.2.107; with random numbers for its variables, Lovász 1979).
    """
    place = np.repeat(np.arange(len(spare)), spare)
    weights = np.triu(np.random.default_rng(0).uniform(1, 2, (len(place), len(place))))
    tutte = (weights - weights.T) * bonded[np.ix_(place, place)]
    rank = _rank(tutte)
    rest = np.arange(len(place))
    left_over: list[int] = []
    for valence in sorted(range(len(place)), key=lambda v: order[place[v]]):
        if len(rest) == rank:
            break
        fewer = rest[rest != valence]
        if _rank(tutte[np.ix_(fewer, fewer)]) == rank:
            rest = fewer
            left_over.append(int(place[valence]))
    return left_over


def _rank(matrix: np.ndarray) -> int:
    """Return the rank, also of a matrix without elements, for which older releases of NumPy have none."""
    return int(np.linalg.matrix_rank(matrix)) if matrix.size else 0


def _fate(cut: PocketBonds, atom: int, members: np.ndarray) -> tuple[int, int]:
    """Return in which order an unsaturated atom is taken as one with a valence left over, and its charge then."""
    number, count = int(cut.numbers[atom]), int(cut.n_neighbours[atom])
    if number == _N and count == 2:
        return _nitrogen(cut, atom, members)
    neighbours = cut.neighbours(atom)
    amines = [i for i in neighbours if cut.numbers[i] == _N and i < len(cut.n_neighbours) and cut.n_neighbours[i] == 3]
    if number == _C and count == 3 and amines and _O not in cut.numbers[neighbours]:
        return 6, 1
    if number == _C and count == 2 and cut.lopsided[atom] and _O in cut.numbers[members]:
        return 8, _CHAIN_END
    return _LEFT_OVER.get((number, count), (_NONSENSE, 0))


def _nitrogen(cut: PocketBonds, atom: int, members: np.ndarray) -> tuple[int, int]:
    """Do the same for N with two neighbours."""
    neighbours = cut.neighbours(atom)
    amide = sorted(cut.numbers[members]) == [_C, _N, _O]  # its O would be taken first
    if not amide and (np.isin(neighbours, members).all() or np.isin(cut.numbers[neighbours], (_S, _P)).any()):
        return 4, -1
    return (0 if amide else 7, _CHAIN_END) if cut.lopsided[atom] else (_NONSENSE, 0)


def _nonsense(cut: PocketBonds, atom: int) -> FeaturizationError:
    neighbours = ", ".join(symbol(int(n)) for n in cut.numbers[cut.neighbours(atom)]) or "none"
    return FeaturizationError(
        f"{cut.description(atom)} in the {cut.pocket.name} has the neighbours {neighbours}, which makes no chemical sense; "
        "complete or repair the protein (atoms missing, misplaced, too near to others or to the ligand), with PDBFixer, say."
    )
