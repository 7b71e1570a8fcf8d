from __future__ import annotations

import numpy as np

from deepchem_density.tables.residue_numbers import same_protein_pairs

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def chain(letters: str, first: int = 1) -> list[tuple[str, str]]:
    return [(str(first + place), letter) for place, letter in enumerate(letters)]


def test_six_residues_of_equal_number_and_name_tie() -> None:
    whole = chain(LETTERS * 2)
    assert list(same_protein_pairs([whole[:20], whole[14:34]])) == [(0, 1), (0, 1)]
    assert list(same_protein_pairs([whole[:20], whole[15:35]])) == []


def test_a_fifth_of_the_common_numbers_may_differ() -> None:
    first = chain("ACDEFGHIKL")
    assert set(same_protein_pairs([first, chain("ACDEFGHIWW")])) == {(0, 1)}
    assert list(same_protein_pairs([first, chain("ACDEFGHWWW")])) == []


def test_the_number_counts_with_its_insertion_code() -> None:
    first = chain("ACDEFGHIKL")
    assert list(same_protein_pairs([first, chain("ACDEFGHIKL", first=2)])) == []
    assert list(same_protein_pairs([first, [(f"{number}A", letter) for number, letter in first]])) == []


def test_whole_chains_are_left_to_alignments() -> None:
    """But a pocket is tied to a whole chain."""
    whole = chain(LETTERS * 10)
    assert list(same_protein_pairs([whole, whole])) == []
    assert list(same_protein_pairs([whole, whole, whole[60:90]])) == [(0, 2), (1, 2)]
    assert list(same_protein_pairs([])) == []


def test_many_chains_are_as_few() -> None:
    """Rows are compared in blocks: each pocket with its own protein, as when they stand alone."""
    rng = np.random.default_rng(0)
    proteins = [chain("".join(rng.choice(list(LETTERS), 200))) for _ in range(300)]
    pockets = [[protein[place] for place in sorted(rng.choice(200, 40, replace=False))] for protein in proteins]
    found = set(same_protein_pairs([*pockets, *proteins]))
    assert {(place, 300 + place) for place in range(300)} <= found
    others = [(a, b) for a, b in found if b != 300 + a]
    # 45,000 pairs of pockets with 8 common numbers, and 90,000 with all 40, by a chance of 0.05 for each
    assert others == []
