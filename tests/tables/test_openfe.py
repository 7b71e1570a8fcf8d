"""OpenFE's benchmark systems: made-up ones in their layout, and the published ones where there is a copy."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from openfe_systems import FIRST, SECOND, write_system, write_two_systems

from deepchem_density.curves.config import COMPLEX_DEFAULTS, CurveConfig
from deepchem_density.structures.macromolecule import read_macromolecule
from deepchem_density.structures.readers import structure_from
from deepchem_density.tables import openfe
from deepchem_density.tables.choose_split import split
from deepchem_density.tables.load import load_table
from deepchem_density.tables.openfe import load_openfe
from deepchem_density.tables.openfe_files import COFACTORS, LABELS, LIGANDS, PROTEIN, SYSTEMS
from deepchem_density.tables.settings import DataSettings


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEEPCHEM_DENSITY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def systems(tmp_path: Path) -> Path:
    return write_two_systems(tmp_path / "systems")


def test_labels_are_affinities_over_rt_ln_10(systems):
    table = load_openfe(systems)
    assert table.ids.tolist() == [f"{FIRST}/a", f"{FIRST}/b (x/y)", f"{SECOND}/a", f"{SECOND}/c"]
    # gas constant in kcal/(mol K), from CODATA's 8.314462618 J/(mol K); 298 K
    np.testing.assert_allclose(
        table.column("pK"), np.array([6.82, 1.364, 8.0, 9.5]) / (8.314462618e-3 / 4.184 * 298 * np.log(10)), rtol=5e-4
    )
    assert table.column("pK")[1] == 1.0
    assert table.units["pK"] == "-log10(M)"
    both = load_openfe(systems, ["dG", "pK"])
    assert both.columns(["dG"])[:, 0].tolist() == [-6.82, -1.364, -8.0, -9.5]
    assert both.units["dG"] == "kcal/mol"


def test_what_has_no_affinity_or_no_pose_is_left_out_and_named(systems):
    left_out = dict(load_openfe(systems).left_out)
    assert left_out == {f"{FIRST}/blank": "no label for pK", f"{FIRST}/gone": "it names no ligand"}


def test_each_ligand_stands_alone_in_its_pose(systems):
    table = load_openfe(systems)
    assert [len(structure_from(path).numbers) for path in table.ligands] == [9, 13, 6, 11]
    assert table.element_counts([6]).ravel().tolist() == [2, 3, 1, 3]
    records = (systems / FIRST / LIGANDS).read_text().split("$$$$\n")
    assert Path(table.ligands[1]).read_text().split("M  END")[0] == records[1].split("M  END")[0]


def test_ligands_of_a_system_share_one_receptor_with_its_cofactors(systems):
    table = load_openfe(systems)
    assert table.group("system").tolist() == [FIRST, FIRST, SECOND, SECOND]
    assert len(set(table.proteins)) == 2
    alone, together = (read_macromolecule(systems / name / PROTEIN) for name in (FIRST, SECOND))
    first, second = (read_macromolecule(path) for path in dict.fromkeys(table.proteins))
    np.testing.assert_array_equal(first.positions, alone.positions)
    np.testing.assert_array_equal(second.positions[: len(together.numbers)], together.positions)
    cofactor = structure_from(systems / SECOND / COFACTORS)
    added = slice(len(together.numbers), None)
    np.testing.assert_array_equal(second.numbers[added], cofactor.numbers)
    np.testing.assert_allclose(second.positions[added], cofactor.positions, atol=5.1e-4)
    assert second.formal_charges[added].sum() == -1


def test_files_are_prepared_once_and_anew_where_a_source_changed(systems, cache):
    first = load_openfe(systems)
    made = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}
    again = load_openfe(systems)
    assert again.ligands.tolist() == first.ligands.tolist()
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()} == made
    labels = json.loads((systems / FIRST / LABELS).read_text())
    labels["a"]["dg"]["magnitude"] = -7.0
    (systems / FIRST / LABELS).write_text(json.dumps(labels))
    assert load_openfe(systems).column("pK")[0] == round(7.0 / 1.364, 4)
    assert len(list(cache.iterdir())) == 2


def test_a_clone_of_the_repository_will_do(tmp_path):
    write_two_systems(tmp_path / "clone" / SYSTEMS)
    assert len(load_openfe(tmp_path / "clone")) == 4


def test_a_second_pose_of_a_name_is_left_out(tmp_path):
    place = write_system(tmp_path / "systems", FIRST, {"a": "CCO"}, {"a": -6.0})
    text = (place / LIGANDS).read_text()
    (place / LIGANDS).write_text(text + text)
    table = load_openfe(tmp_path / "systems")
    assert (len(table), table.left_out) == (1, ((f"{FIRST}/a (record 2)", "no label for pK"),))


def test_data_that_are_not_the_published_ones_are_told(systems, caplog):
    load_openfe(systems)
    assert "176 of the 176 files of OpenFE's commit 87c55d6 are missing in" in caplog.text


@pytest.mark.parametrize(
    ("energy", "arrived"),
    [
        ({"magnitude": -36.0, "unit": "kilojoule_per_mole"}, "kilojoule"),
        ({"magnitude": "-8", "unit": "kilocalories_per_mole"}, "'-8'"),
        ({"magnitude": float("nan"), "unit": "kilocalories_per_mole"}, "nan"),
        (-8.0, r"-8\.0"),
        (None, "None"),
    ],
)
def test_what_is_no_affinity_is_named(systems, energy, arrived):
    (systems / FIRST / LABELS).write_text(json.dumps({"a": {"dg": energy}}))
    with pytest.raises(ValueError, match=rf"{FIRST}/{LABELS}' gives .*{arrived}.* as dg of 'a'; a finite magnitude in"):
        load_openfe(systems)


def test_folders_without_systems_are_told(tmp_path):
    with pytest.raises(
        ValueError, match=r"There is no folder '.*gone'; give one with OpenFE's systems, or none to have"
    ):
        load_openfe(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        ValueError, match=r"'.*empty' holds no systems; folders such as jacs_set/mcl1/ with protein.pdb"
    ):
        load_openfe(tmp_path / "empty")


def test_an_incomplete_system_costs_no_other(systems, caplog):
    (systems / FIRST / PROTEIN).unlink()
    with caplog.at_level(logging.INFO):
        assert set(load_openfe(systems).group("system")) == {SECOND}
    assert f"1 systems have no protein.pdb or no ligands.sdf and are left out: {FIRST}" in caplog.text


def test_a_failure_leaves_nothing_half_prepared(systems, cache, monkeypatch):
    def broken(*arguments):
        raise RuntimeError("in the middle")

    monkeypatch.setattr(openfe, "write_csv", broken)
    with pytest.raises(RuntimeError, match="in the middle"):
        load_openfe(systems)
    assert list(cache.iterdir()) == []


def test_the_setting_of_data_names_them(systems):
    table = load_table(DataSettings(dataset="openfe", data_dir=str(systems), targets=("pK",)))
    assert len(table) == 4
    CurveConfig(**COMPLEX_DEFAULTS, dataset="openfe").check()  # which downloads them


@pytest.mark.parametrize("how", [{}, {"split": "group", "split_by": "system"}])
def test_published_systems_are_split_whole(shared_data, how, caplog):
    table = load_openfe(shared_data / "openfe_benchmarks")
    assert (len(table), len(set(table.group("system")))) == (885, 57)
    assert [name for name, _ in table.left_out] == ["merck/syk/intermediate", "merck/syk/intermediate_1"]
    assert "are missing" not in caplog.text
    assert len(set(table.proteins)) == 57
    systems = table.group("system")
    for seed in range(3):
        config = CurveConfig(**{**COMPLEX_DEFAULTS, "n_valid": 90, "split_seed": seed, **how}, dataset="openfe")
        parts = split(config, table)
        assert sum(map(len, parts)) == 885
        sets = [set(systems[part]) for part in parts]
        assert sum(map(len, sets)) == len(set.union(*sets)) == 57
        assert 140 <= len(parts[2]) <= 215
