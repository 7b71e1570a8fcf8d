from __future__ import annotations

import itertools
import os
from pathlib import Path

import gemmi
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchem_density.errors import FeaturizationError
from deepchem_density.tables.labelled_complexes import load_complexes
from deepchem_density.tables.sequence_clusters import (
    chain_sequences,
    cluster_sequences,
    sequence_clusters,
    sequence_identity,
)
from deepchem_density.tables.splits import joined_groups, split_by_groups

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
THREE = dict(zip(LETTERS, gemmi.expand_one_letter_sequence(LETTERS, gemmi.ResidueKind.AA), strict=True))
UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
CRAMBIN = "TTCCPSIVARSNFNVCRLPGTPEALCATYTGCIIIPGATCPGDYAN"


def write_chains(path: Path, chains: dict[str, list[str]], record: str = "ATOM  ") -> Path:
    lines, serial = [], 0
    for chain, residues in chains.items():
        for number, name in enumerate(residues, start=1):
            serial += 1
            lines.append(
                f"{record}{serial:5d}  CA  {name:>3s} {chain}{number:4d}    {serial:8.3f}   0.000   0.000  1.00  0.00"
                "           C"
            )
    path.write_text("\n".join([*lines, "END", ""]))
    return path


def named(sequence: str) -> list[str]:
    return [THREE[letter] for letter in sequence]


def mutated(sequence: str, every: int) -> str:
    """Every so many residues another one."""
    return "".join(("W" if c != "W" else "G") if i % every == 0 else c for i, c in enumerate(sequence))


def test_sequences_of_a_file(tmp_path: Path) -> None:
    residues = {
        "A": ["ALA", "MSE", "HID", "HIP", "CYX", "ASH", "GLH", "LYN", "SEP", "HOH", "ZN"],
        "B": ["UNK", "GLY", "UNK", "ACE", "NME"],
        "C": ["UNK", "UNK"],
        "D": ["HOH"],
    }
    assert chain_sequences(write_chains(tmp_path / "a.pdb", residues)) == ("AMHHCDEKS", "G")
    assert chain_sequences(write_chains(tmp_path / "b.pdb", {"A": ["UNK"] * 30})) == ()


def test_only_the_first_model_and_the_first_of_alternative_residues_count(tmp_path: Path) -> None:
    write_chains(tmp_path / "a.pdb", {"A": ["ALA", "GLY"]})
    structure = gemmi.read_structure(str(tmp_path / "a.pdb"))
    structure.add_model(gemmi.Model(2)).add_chain(structure[0]["A"]).name = "B"
    residue = structure[0]["A"][0].clone()
    residue.name = "VAL"
    residue[0].altloc = "B"
    structure[0]["A"][0][0].altloc = "A"
    structure[0]["A"].add_residue(residue, 1)
    structure.make_mmcif_document().write_file(str(tmp_path / "b.cif"))
    assert chain_sequences(tmp_path / "b.cif") == ("AG",)


def test_a_file_that_is_no_structure_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeaturizationError, match=r"gone\.pdb"):
        chain_sequences(tmp_path / "gone.pdb")
    (tmp_path / "empty.pdb").write_text("")
    assert chain_sequences(tmp_path / "empty.pdb") == ()


@pytest.mark.parametrize(
    ("first", "second", "identical"),
    [
        ("RPLLLDTGADDTVLKIGGIGGFIVLTPVNIIGR", "QRPLEALLDTGADDTVLKMIGGIGGFIVLPTPVNIIGRNL", 33),
        ("QRPLEALLDTGADDTVLKMIGGIGGFIVLPTPVNIIGRNL", "LDGADDTVLEKMIGGIGGFIVLGPTPVNIIGR", 30),
        ("RLLDTGADDTVKMIGGIGGFIVLTPVIIGRN", "QRPLALLDTGADDTVLEKMIGGIGGFIVQTVLVGPTPVNIIGRNLLL", 29),
    ],
)
def test_identity_is_that_of_biopython(first: str, second: str, identical: int) -> None:
    """Biopython 1.88, PairwiseAligner(mode="global", BLOSUM62, open_gap_score=-10, extend_gap_score=0)."""
    expected = identical / min(len(first), len(second))
    assert sequence_identity(first, second) == pytest.approx(expected)
    assert sequence_identity(second, first) == pytest.approx(expected)


def test_identity_of_what_can_be_counted_by_hand() -> None:
    assert sequence_identity(UBIQUITIN, UBIQUITIN) == 1
    assert sequence_identity(UBIQUITIN, UBIQUITIN[20:60]) == 1
    assert sequence_identity(UBIQUITIN, UBIQUITIN[:30] + UBIQUITIN[36:]) == 1
    assert sequence_identity(UBIQUITIN, mutated(UBIQUITIN, 4)) == pytest.approx(57 / 76)
    assert sequence_identity(UBIQUITIN, CRAMBIN) == 0
    for wrong in ("", "ABZ", "acd"):
        with pytest.raises(ValueError, match="is no sequence"):
            sequence_identity(UBIQUITIN, wrong)


def test_what_chance_aligns_is_no_identity() -> None:
    """Biopython finds 20 of 47 residues identical, at a score of 43 against 9 with the second sequence reversed."""
    first = "TLGSEVKLAKVAIKIIELIKIVLELMEGGEDHDKENVLLSQKITDFG"
    second = "QQLGKGNFGSVEMCVVAVKKFELIVKYKGLIMEYLPYGSLRDYHDLATRNILVEVKIGDFGL"
    assert sequence_identity(first, second) == 0


def test_a_pocket_resembles_the_protein_it_was_cut_from(shared_data: Path) -> None:
    folders = sorted(path.parent for path in (shared_data / "pdbbind_core").glob("*/*_protein.pdb"))
    pockets = [chain_sequences(folder / f"{folder.name}_pocket.pdb") for folder in folders]
    wholes = [chain_sequences(folder / f"{folder.name}_protein.pdb") for folder in folders]
    assert len(folders) == 13
    for pocket, whole in zip(pockets, wholes, strict=True):
        assert max(sequence_identity(max(pocket, key=len), chain) for chain in whole) > 0.8
    clusters = cluster_sequences([*pockets, *wholes])
    np.testing.assert_array_equal(clusters[:13], clusters[13:])
    # two serine proteases, two steroid receptors and two fucosidases among them
    assert len(set(clusters)) == 10


def test_chains_of_a_file_tie_proteins(tmp_path: Path) -> None:
    """An enzyme alone, with a partner, the partner alone, another protein, one of unknown residues, the first again."""
    enzyme, partner = named(UBIQUITIN), named(CRAMBIN)
    files = [
        write_chains(tmp_path / "enzyme.pdb", {"A": enzyme, "B": enzyme}),
        write_chains(tmp_path / "both.pdb", {"A": named(mutated(UBIQUITIN, 5)), "B": partner}),
        write_chains(tmp_path / "partner.pdb", {"X": partner}),
        write_chains(tmp_path / "other.pdb", {"A": named(UBIQUITIN[::-1])}),
        write_chains(tmp_path / "unknown.pdb", {"A": ["UNK"] * 40}),
    ]
    assert sequence_clusters([*files, files[0]]).tolist() == [0, 0, 0, 1, -1, 0]
    assert sequence_clusters(files, identity=0.9).tolist() == [0, 1, 1, 2, -1]
    clusters = sequence_clusters([*files, files[4]])
    codes = ["1abc", "2abc", "3abc", "4abc", "4abc", "5abc"]
    assert joined_groups(np.where(clusters < 0, np.nan, clusters), codes).tolist() == [0, 0, 0, 1, 1, 2]


def test_short_chains_count_only_where_there_is_no_longer_one() -> None:
    peptide = UBIQUITIN[:19]
    assert cluster_sequences([(UBIQUITIN, peptide), (CRAMBIN, peptide), (peptide,)]).tolist() == [0, 1, 0]


def test_a_pair_of_residues_is_a_protein_too() -> None:
    assert cluster_sequences([("AC",), ("AC",), ("WY",)]).tolist() == [0, 0, 1]
    assert cluster_sequences([]).tolist() == []


@given(st.integers(0, 1000))
def test_the_order_of_the_files_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bases = ["".join(rng.choice(list(LETTERS), 60)) for _ in range(4)]
    proteins = [(mutated(bases[i % 4], 4 + i // 4),) for i in range(12)]
    clusters = cluster_sequences(proteins)
    order = rng.permutation(12)
    again = cluster_sequences([proteins[i] for i in order])
    np.testing.assert_array_equal(clusters[order][:, None] == clusters[order], again[:, None] == again)
    assert len(set(clusters)) == 4


@pytest.mark.parametrize("settings", [{"identity": 0.0}, {"identity": 1.1}, {"identity": float("nan")}])
def test_settings_that_cannot_be_are_refused(settings: dict) -> None:
    with pytest.raises(ValueError, match="a number above 0, at most 1, is accepted"):
        cluster_sequences([(UBIQUITIN,)], **settings)


@pytest.mark.parametrize("protein", [(), ("",), ("AXB",)])
def test_proteins_without_letters_are_refused(protein: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="a protein with the chains"):
        cluster_sequences([(UBIQUITIN,), protein])


def test_nothing_in_two_clusters_is_similar(shared_data: Path) -> None:
    """Every two chains of different clusters of the core set are aligned, without the filter by words."""
    table = load_complexes(shared_data)
    table = table.subset(table.group("set") == "pdbbind_core2016")
    clusters = sequence_clusters(table.proteins, identity=0.5)
    chains = {path: [c for c in chain_sequences(path) if len(c) >= 20] for path in table.proteins.tolist()}
    cluster_of = {c: number for path, number in zip(table.proteins, clusters, strict=True) for c in chains[path]}
    pairs = [(a, b) for a, b in itertools.combinations(cluster_of, 2) if cluster_of[a] != cluster_of[b]]
    assert len(pairs) > 10_000
    assert max(sequence_identity(a, b) for a, b in pairs) < 0.5
    held, kept = (table.subset(part).proteins for part in split_by_groups(clusters, 60, 0)[::-2])
    assert not {cluster_of[c] for p in held for c in chains[p]} & {cluster_of[c] for p in kept for c in chains[p]}


def test_clusters_agree_with_those_of_whole_sequences(shared_data: Path) -> None:
    """Usearch at 40 % of whole sequences against residues of pockets, which are better conserved.

    Adjusted Rand index (Hubert and Arabie 1985, doi:10.1007/BF01908075) on the 227 usable complexes of the core set.
    """
    table = load_complexes(shared_data)
    table = table.subset(table.group("set") == "pdbbind_core2016")
    reference = table.group("seqcluster40")
    agreement = {
        identity: adjusted_rand(reference, sequence_clusters(table.proteins, identity)) for identity in (0.5, 0.6)
    }
    assert agreement == pytest.approx({0.5: 0.761, 0.6: 0.795}, abs=0.01)


def adjusted_rand(first: np.ndarray, second: np.ndarray) -> float:
    _, a = np.unique(first, return_inverse=True)
    _, b = np.unique(second, return_inverse=True)
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a, b), 1)

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both, left, right, total = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0)), pairs(np.array(len(a)))
    expected = left * right / total
    return (both - expected) / ((left + right) / 2 - expected)


def test_pockets_of_one_protein_are_tied_by_the_numbers_of_their_residues(tmp_path: Path) -> None:
    protein = named("".join(np.random.default_rng(0).choice(list(LETTERS), 300)))
    places = [[*range(0, 92, 4), *range(100, 148, 4)], [*range(100, 148, 4), *range(150, 242, 4)]]
    lines = write_chains(tmp_path / "whole.pdb", {"A": protein}).read_text().splitlines()
    pockets = [tmp_path / "a.pdb", tmp_path / "b.pdb"]
    for pocket, kept in zip(pockets, places, strict=True):
        pocket.write_text("\n".join(lines[place] for place in kept))
    first, second = (chain_sequences(pocket)[0] for pocket in pockets)
    assert sequence_identity(first, second) < 0.4
    assert cluster_sequences([(first,), (second,)]).tolist() == [0, 1]
    assert sequence_clusters(pockets).tolist() == [0, 0]


def test_a_file_written_anew_is_read_anew(tmp_path: Path) -> None:
    files = [write_chains(tmp_path / f"{i}.pdb", {"A": named(UBIQUITIN)}) for i in range(2)]
    assert sequence_clusters(files).tolist() == [0, 0]
    write_chains(files[1], {"A": named(CRAMBIN)})
    os.utime(files[1], ns=(1, 1))
    assert sequence_clusters(files).tolist() == [0, 1]


def test_few_clusters_of_whole_sequences_are_parted_by_pockets(shared_data: Path) -> None:
    """Usearch at 40 % of whole sequences: 4 of 192 clusters are parted, 9 without the numbers of residues."""
    rows = pd.read_csv(shared_data / "complexes.csv", dtype=str, keep_default_na=False)
    rows = rows[rows["set"].isin(["pdbbind_core2016", "pdbbind_extra"])]
    clusters = sequence_clusters([shared_data / pocket for pocket in rows["pocket"]])
    rows = rows[clusters >= 0].assign(found=clusters[clusters >= 0])
    assert len(rows) == 601
    pieces = rows[rows["seqcluster40"] != ""].groupby("seqcluster40")["found"].nunique()
    assert (len(pieces), (pieces > 1).sum()) == (192, 4)
    assert rows["found"].value_counts().max() == 82


@pytest.mark.parametrize(("shorter", "longer"), [(160, 160), (160, 300), (300, 300)])
def test_the_filter_by_words_lets_similar_whole_chains_pass(shorter: int, longer: int) -> None:
    """Chains of random residues, identical at half of the places of the shorter one and by chance elsewhere: 98 % pass."""
    rng = np.random.default_rng(0)
    proteins = []
    for _ in range(50):
        chain = rng.choice(list(LETTERS), longer)
        other = np.where(rng.random(shorter) < 0.5, chain[:shorter], rng.choice(list(LETTERS), shorter))
        proteins += [("".join(chain),), ("".join(other),)]
    clusters = cluster_sequences(proteins)
    assert (clusters[::2] == clusters[1::2]).sum() >= 49
    assert 50 <= len(set(clusters)) <= 51
