from __future__ import annotations

import dataclasses
import importlib.util
import json
import logging
from pathlib import Path

import gemmi
import numpy as np
import pandas as pd
import pytest

from deepchem_density.curves.config import COMPLEX_DEFAULTS, CurveConfig
from deepchem_density.errors import FeaturizationError
from deepchem_density.tables.choose_split import split
from deepchem_density.tables.complex_table import ComplexTable
from deepchem_density.tables.id_lists import published_lists
from deepchem_density.tables.labelled_complexes import load_complexes
from deepchem_density.tables.molecule_table import MoleculeTable
from deepchem_density.tables.qm9 import load_sample

FAMILIES = {"A": "GASTVGASTVGASTVGASTVG", "B": "KRDENKRDENKRDENKRDENK", "C": "FWYHMFWYHMFWYHMFWYHMF", "D": "LIPQG" * 5}
CONFIG = CurveConfig(
    **{**COMPLEX_DEFAULTS, "n_test": 4}, rep="occupancy", dataset="complexes", data_dir="complexes.csv"
)


def random_protein(n: int, seed: int = 0) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACDEFGHIKLMNPQRSTVWY"), n))


def write_protein(path: Path, sequence: str, places: range | list[int] | None = None) -> str:
    """Write the residues of a chain at some places, numbered from 1, with one atom each."""
    names = gemmi.expand_one_letter_sequence(sequence, gemmi.ResidueKind.AA)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"ATOM  {i + 1:5d}  CA  {names[i]:>3s} A{i + 1:4d}    {i:8.3f}   0.000   0.000  1.00  0.00           C"
        for i in (range(len(sequence)) if places is None else places)
    ]
    path.write_text("\n".join([*lines, "END", ""]))
    return str(path)


def table_of(proteins: list[str], **groups: list) -> ComplexTable:
    n = len(proteins)
    return ComplexTable(
        ids=np.array([f"x{i}" for i in range(n)]),
        ligands=np.array([f"{i}.sdf" for i in range(n)]),
        proteins=np.array(proteins),
        maps=np.array(["map.ccp4"] * n),
        labels=np.arange(n, dtype=float)[:, None],
        tasks=("pK",),
        groups={name: np.array(values) for name, values in groups.items()},
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> ComplexTable:
    """Sixteen complexes of four proteins."""
    folder = tmp_path_factory.mktemp("proteins")
    files = {name: write_protein(folder / f"{name}.pdb", sequence) for name, sequence in FAMILIES.items()}
    family = ["ABCD"[i % 4] for i in range(16)]
    codes = [f"{i:x}abc" for i in range(16)]
    years = [str(2000 + i) for i in range(16)]
    return table_of([files[name] for name in family], pdb=codes, family=family, year=years)


def parts(table: ComplexTable, how: str, by: object = "", **settings):
    return split(dataclasses.replace(CONFIG, split=how, split_by=str(by), **settings), table)


def pdb(table: ComplexTable, places: np.ndarray) -> list[str]:
    return table.group("pdb")[places].tolist()


@pytest.mark.parametrize(
    ("how", "by"), [("random", ""), ("group", "family"), ("cluster", ""), ("cluster", "0.9, family"), ("year", "2011")]
)
def test_every_split_parts_the_complexes(table, how, by):
    pool, valid, test = parts(table, how, by)
    assert len(test) == 4
    assert sorted([*pool, *valid, *test]) == list(range(16))
    if how == "year":
        assert table.group("year")[test].astype(int).min() == 2012
    elif how != "random":
        assert not set(table.group("family")[test]) & set(table.group("family")[pool])


def test_a_fifth_is_tested_where_no_number_is_given(table):
    assert len(parts(table, "random", n_test=0)[2]) == 3


def test_a_core_set_is_tested_on(table, tmp_path):
    (tmp_path / "core.txt").write_text("1abc\n4abc\n5abc\n")
    pool, _, test = parts(table, "core", tmp_path / "core.txt")
    assert pdb(table, test) == ["1abc", "4abc", "5abc"]
    assert len(pool) == 13


def test_the_core_set_of_casf_is_tested_on(table, tmp_path):
    core = tmp_path / "CASF2016_CoreSet.dat"
    core.write_text(
        "#code resl year logKa Ka target\n" + "".join(f"{i}abc 1.75 2014 3.00 Ki=1mM 1\n" for i in (1, 4, 5))
    )
    assert pdb(table, parts(table, "core", core)[2]) == ["1abc", "4abc", "5abc"]


def test_of_several_lists_the_core_set_must_be_named(table, tmp_path):
    lists = tmp_path / "splits.json"
    lists.write_text(json.dumps({"train": ["5abc"], "casf2016": ["1abc", "4abc", "6abc"]}))
    with pytest.raises(ValueError, match=r"holds train, casf2016: say which to test on"):
        parts(table, "core", lists)
    assert pdb(table, parts(table, "core", f"{lists},test=casf2016")[2]) == ["1abc", "4abc", "6abc"]


def test_published_lists_are_followed(table, tmp_path):
    lists = tmp_path / "lists.json"
    lists.write_text(json.dumps({"train": ["5abc", "6abc"], "val": ["7abc"], "test": ["8abc", "9abc", "aabc"]}))
    found = [pdb(table, part) for part in parts(table, "lists", lists)]
    assert found == [["5abc", "6abc"], ["7abc"], ["8abc", "9abc", "aabc"]]


def test_lists_of_molecules_are_followed(tmp_path):
    sample = load_sample()
    ids = sample.ids.tolist()
    (tmp_path / "train.txt").write_text("\n".join(map(str, ids[:5])))
    (tmp_path / "valid.txt").write_text("\n".join(map(str, ids[5:9])))
    (tmp_path / "test.txt").write_text("\n".join(f"gdb_{number}" for number in ids[9:13]))
    config = CurveConfig(split="lists", split_by=str(tmp_path), n_valid=2)
    config.check()
    pool, valid, test = split(config, sample)
    assert sample.ids[pool].tolist() == ids[:5]
    assert set(sample.ids[valid].tolist()) < set(ids[5:9])
    assert len(valid) == 2
    assert sample.ids[test].tolist() == ids[9:13]


def test_atom3ds_split_of_qm9(shared_data):
    """Its names are QM9's numbers from 1; it means to leave out what is not characterized, and leaves out the next molecules."""
    folder = shared_data / "splits" / "atom3d_smp"
    lists = {
        role: {int(name.removeprefix("gdb_")) for name in names} for role, names in published_lists(str(folder)).items()
    }
    sizes = {"train": 103_547, "valid": 12_943, "test": 12_943}
    assert {role: len(names) for role, names in lists.items()} == sizes
    listed = set.union(*lists.values())
    assert (len(listed), min(listed), max(listed)) == (sum(sizes.values()), 1, 133_885)

    def split_of(ids):
        config = CurveConfig(dataset="qm9", split="lists", split_by=str(folder), n_valid=20_000)
        return [set(ids[part].tolist()) for part in split(config, carbons(ids))]

    # all of QM9, as in its own files
    everything = np.arange(1, 133_886)
    assert split_of(everything) == [lists["train"], lists["valid"], lists["test"]]
    # without the 3,054 that are not characterized, as in qm9pack
    package = importlib.util.find_spec("qm9pack")
    if package is None or not package.submodule_search_locations:
        pytest.skip("the rest needs qm9pack")
    parts_of_qm9 = sorted((Path(package.submodule_search_locations[0]) / "data").glob("qm9_part*.csv"))
    characterized = np.concatenate([pd.read_csv(file, usecols=["Index"])["Index"].to_numpy() for file in parts_of_qm9])
    missing = set(everything.tolist()) - set(characterized.tolist())
    assert len(missing) == 3_054
    assert not {number + 1 for number in missing} & listed
    assert len(missing & listed) == 1_993
    found = split_of(characterized)
    assert [len(part) for part in found] == [101_934, 12_749, 12_757]
    assert found == [lists[role] - missing for role in ("train", "valid", "test")]


def carbons(ids: np.ndarray) -> MoleculeTable:
    """Molecules of one atom, with names."""
    n = len(ids)
    return MoleculeTable(
        ids=ids,
        numbers=np.full(n, 6, dtype=np.uint8),
        positions=np.zeros((n, 3), dtype=np.float32),
        offsets=np.arange(n + 1),
        labels=np.zeros((n, 1)),
        tasks=("gap",),
    )


def test_a_validation_set_is_drawn_where_none_is_published(table, tmp_path):
    lists = tmp_path / "cleansplit.json"
    lists.write_text(json.dumps({"train": ["1abc", "2abc", "5abc", "6abc"], "casf2016": ["8abc", "9abc", "aabc"]}))
    pool, valid, test = parts(table, "lists", f"{lists},test=casf2016")
    assert (pdb(table, pool), pdb(table, valid)) == (["1abc", "2abc", "5abc", "6abc"], [])
    pool, valid, again = parts(table, "lists", f"{lists},test=casf2016", n_valid=1)
    assert sorted([*pdb(table, pool), *pdb(table, valid)]) == ["1abc", "2abc", "5abc", "6abc"]
    assert len(valid) == 1
    assert pdb(table, test) == pdb(table, again) == ["8abc", "9abc", "aabc"]


@pytest.mark.parametrize(
    ("how", "by", "message"),
    [
        ("cluster", "many", "split_by='many' arrived for split=cluster; a sequence identity above 0"),
        ("cluster", "1.1", r"split_by='1\.1' arrived for split=cluster"),
        ("group", "colour", "colour"),
        ("year", "abc", "split_by='abc' arrived for split=year; the last year to train on"),
        ("core", "gone.txt", r"There is no file 'gone\.txt'; give one with ids"),
        ("lists", "gone.txt", r"There is no file 'gone\.txt'; give one with ids"),
    ],
)
def test_a_split_that_does_not_suit_is_named(table, how, by, message):
    with pytest.raises(ValueError, match=message):
        parts(table, how, by)


def test_years_that_are_not_known_are_left_out_and_counted(table, caplog):
    years = np.array(["", "nan", *table.group("year")[2:]])
    gaps = dataclasses.replace(table, groups={**table.groups, "year": years})
    with caplog.at_level(logging.INFO):
        pool, _, test = parts(gaps, "year", 2011)
    assert sorted([*pool, *test]) == list(range(2, 16))
    assert "2 of 16 complexes have no known year" in caplog.text


@pytest.mark.parametrize("n_test", [1, 2])
def test_fewer_than_three_are_no_test_set(table, tmp_path, n_test):
    (tmp_path / "core.txt").write_text("1abc\n4abc\n"[: 5 * n_test])
    with pytest.raises(ValueError, match=f"A test set of {n_test} arrived .*; 3 or more are accepted"):
        parts(table, "core", tmp_path / "core.txt")


def test_two_are_tested_only_where_two_are_asked_for(table):
    assert len(parts(table, "random", n_test=2)[2]) == 2
    with pytest.raises(ValueError, match="A test set of 1 arrived with split=random"):
        parts(table, "random", n_test=1)


def test_a_protein_that_cannot_be_read_is_named(table, tmp_path):
    with pytest.raises(FeaturizationError, match=r"No sequence can be read from '.*gone\.pdb'"):
        parts(table_of([*table.proteins, str(tmp_path / "gone.pdb")]), "cluster")


def tied(table: ComplexTable, first: int, second: int, by: str = "") -> bool:
    """Whether two complexes stand in one set, whatever the seed."""
    found = [parts(table, "cluster", by, n_test=3, split_seed=seed) for seed in range(20)]
    return all(any({first, second} <= set(part) for part in one) for one in found)


@pytest.fixture
def distant(tmp_path) -> list[str]:
    """Two pockets of one protein that share no residue, and twelve other proteins."""
    protein = random_protein(300)
    pockets = [
        write_protein(tmp_path / "0" / "0_pocket.pdb", protein, range(0, 100, 3)),
        write_protein(tmp_path / "1" / "1_pocket.pdb", protein, range(151, 300, 4)),
    ]
    write_protein(tmp_path / "whole.pdb", protein)
    others = [write_protein(tmp_path / str(i) / f"{i}_pocket.pdb", random_protein(60, seed=i)) for i in range(2, 14)]
    return pockets + others


def test_whole_proteins_tie_distant_pockets(distant):
    table = table_of(distant)
    assert not tied(table, 0, 1)
    whole = Path(distant[0]).parents[1] / "whole.pdb"
    for code in "01":
        (whole.parent / code / f"{code}_protein.pdb").write_text(whole.read_text())
    assert tied(table, 0, 1)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("pdb", ["1abc", "1abc", *(f"{i}xyz" for i in range(12))]),
        ("uniprot", ["P29994", "P29994", *[""] * 12]),
        ("cluster", [7, 7, *[-1] * 12]),
    ],
)
def test_what_an_index_says_ties_distant_pockets(distant, column, values):
    assert tied(table_of(distant, **{column: values}), 0, 1)
    # the mark of what is not known is no value
    assert not tied(table_of(distant, **{column: values}), 2, 3)


def test_a_column_named_ties_distant_pockets(distant):
    table = table_of(distant, target=["t", "t", *map(str, range(12))])
    assert not tied(table, 0, 1)
    assert tied(table, 0, 1, by="0.4, target")


def test_pockets_of_one_protein_are_tied_by_their_numbers(tmp_path, distant):
    """Twelve common residues of thirty-five are too few for an alignment, but they bear the same numbers."""
    protein = random_protein(300, seed=20)
    near = [
        write_protein(tmp_path / "a_pocket.pdb", protein, [*range(0, 92, 4), *range(100, 148, 4)]),
        write_protein(tmp_path / "b_pocket.pdb", protein, [*range(100, 148, 4), *range(150, 242, 4)]),
    ]
    assert tied(table_of([*near, *distant[2:]]), 0, 1)


def test_proteins_of_which_nothing_is_known_are_left_out(tmp_path, distant, caplog):
    unknown = tmp_path / "unknown.pdb"
    unknown.write_text("ATOM      1  CA  UNK A   1       0.000   0.000   0.000  1.00  0.00           C\nEND\n")
    table = table_of([*distant, str(unknown), ""])
    sets = parts(table, "cluster", n_test=3)
    assert sorted(np.concatenate(sets)) == list(range(14))
    assert "2 of 16 complexes have no amino acids" in caplog.text
    told = table_of([*distant, str(unknown), ""], target=[*map(str, range(14)), "3", "30"])
    assert sorted(np.concatenate(parts(told, "cluster", "0.4,target", n_test=3))) == list(range(16))
    assert tied(told, 3, 14, by="0.4,target")
    with pytest.raises(ValueError, match="None of 3 complexes has a protein with amino acids"):
        parts(table_of([str(unknown)] * 3), "cluster", n_test=1)


def test_no_cluster_of_whole_sequences_is_parted_in_the_core_set(shared_data):
    """Usearch at 40 % of whole sequences; without whole proteins and INDEX clusters, pockets alone part two of 54."""
    table = load_complexes(shared_data / "pdbbind_core")
    reference = pd.read_csv(shared_data / "complexes.csv", dtype=str)
    reference = reference[reference["set"] == "pdbbind_core2016"].set_index("pdb")["seqcluster40"]
    cluster = reference.reindex(table.ids).to_numpy()
    assert len(set(cluster)) == 54
    for seed in range(5):
        pool, _, test = parts(table, "cluster", n_test=45, split_seed=seed)
        assert len(pool) + len(test) == 228
        assert not set(cluster[pool]) & set(cluster[test])


@pytest.mark.parametrize(("n", "sizes"), [(200, (140, 20, 40)), (50, (30, 10, 10)), (1000, (700, 100, 200))])
def test_sets_of_ones_own_molecules_grow_with_them(n, sizes):
    config = CurveConfig(dataset="csv", data_dir="x", **{"n_valid": None, "n_test": 0})
    sample = load_sample()
    assert tuple(map(len, split(config, sample.subset(slice(n))))) == sizes
    by_scaffold = split(dataclasses.replace(config, split="scaffold"), sample.subset(slice(n)))
    assert len(by_scaffold[2]) >= sizes[2]
    with pytest.raises(ValueError, match="15 molecules cannot be split into 10 for testing, 10 for validation"):
        split(config, sample.subset(slice(15)))
