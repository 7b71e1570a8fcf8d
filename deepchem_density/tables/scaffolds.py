"""Splits by Bemis-Murcko scaffolds: what is tested has ring systems that training never saw.

References
----------
Bemis, Murcko, "The properties of known drugs. 1. Molecular frameworks", J. Med. Chem. 39, 2887 (1996),
doi:10.1021/jm9602928. The order is that of DeepChem's ``ScaffoldSplitter``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

from deepchem_density.tables.splits import Split

__all__ = ["split_by_scaffold"]


def split_by_scaffold(smiles: Sequence[str], n_test: int, n_valid: int) -> Split:
    """Split so that no scaffold stands in two sets; the commonest are for training, the rarest for testing.

    Scaffolds are taken from the commonest to the rarest, of equally common ones the one met last first. Each goes to training
    if it fits there, else to validation if it fits into both together, else to the test set. Nothing is drawn at random.
    Molecules without rings share one scaffold.

    Parameters
    ----------
    smiles : sequence of str
        (n,) of the molecules.
    n_test, n_valid : int
        Sizes; what does not fit elsewhere makes the test set larger.

    Returns
    -------
    train_pool, valid, test : np.ndarray
        int64 places in rising order, disjoint, together all.

    Raises
    ------
    ValueError
        A SMILES that is missing or cannot be read, sizes that leave nothing, or a scaffold too common for the training set.
    """
    n = len(smiles)
    for_training, for_both = n - n_test - n_valid, n - n_test
    if n_test < 1 or n_valid < 0 or for_training < 1:
        raise ValueError(
            f"{n} molecules cannot be split into {n_test} for testing, {n_valid} for validation and at least one for training."
        )
    places: dict[str, list[int]] = {}
    for place, one in enumerate(smiles):
        places.setdefault(_scaffold(str(one), place), []).append(place)
    ordered = sorted(places.items(), key=lambda item: (len(item[1]), item[1][0]), reverse=True)
    name, largest = ordered[0]
    if len(largest) > for_training:
        raise ValueError(
            f"{len(largest)} of {n} molecules {f'share the scaffold {name}' if name else 'have no ring'}, more than the "
            f"{for_training} for training, so that scaffolds cannot split them; take split=random, or smaller n_test and n_valid."
        )
    train: list[int] = []
    valid: list[int] = []
    test: list[int] = []
    for _, members in ordered:
        if len(train) + len(members) <= for_training:
            train += members
        elif len(train) + len(valid) + len(members) <= for_both:
            valid += members
        else:
            test += members
    if not test or (n_valid and not valid):
        raise ValueError(
            f"The {len(ordered)} scaffolds of {n} molecules leave {len(valid)} for validation and {len(test)} for testing; take "
            "other n_valid and n_test, or split=random."
        )
    pool, held, tested = (np.array(sorted(part), dtype=np.int64) for part in (train, valid, test))
    return pool, held, tested


def _scaffold(smiles: str, place: int) -> str:
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles) if smiles else None
    if mol is None:
        raise ValueError(
            f"Molecule {place} arrived with {smiles!r} as its SMILES, which has no scaffold; split=scaffold needs SMILES that "
            "RDKit can read, take split=random."
        )
    return MurckoScaffoldSmiles(mol=mol, includeChirality=False)
