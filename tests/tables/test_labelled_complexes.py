from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepchem_density.curves.metrics import regression_metrics
from deepchem_density.tables.baselines import predict_baselines
from deepchem_density.tables.labelled_complexes import load_complexes
from deepchem_density.tables.splits import split_around

HEADER = "id,pdb,pK,measurement,pocket,ligand,target,usable,exact"
ROWS = [
    "a,1e66,5.5,Ki=3uM,files/p.pdb,files/a.sdf,kinase,True,True",
    "b,2e10,6.5,Kd<0.3uM,files/p.pdb,files/b.sdf,kinase,True,True",
    "c,3abc,7.5,Kd=30nM,files/p.pdb,files/c.sdf,,True,False",
    "d,4abc,8.5,Kd=3nM,files/p.pdb,files/d.sdf,protease,False,True",
    "e,5abc,,Kd=3nM,files/p.pdb,files/a.sdf,protease,True,True",
    "f,6abc,8.5,Kd=3nM,files/p.pdb,files/gone.sdf,protease,True,True",
    "g,7abc,8.5,Kd=3nM,,files/a.sdf,protease,True,True",
]


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    for name in ("p.pdb", "a.sdf", "b.sdf", "c.sdf", "d.sdf"):
        (tmp_path / "files" / name).write_text("")
    file = tmp_path / "complexes.csv"
    file.write_text("\n".join([HEADER, *ROWS]) + "\n")
    return file


def test_a_csv_is_read_and_every_row_left_out_is_explained(csv: Path) -> None:
    for source in (csv, csv.parent):
        table = load_complexes(source)
        assert table.ids.tolist() == ["a"]
        assert table.datapoints() == [(str(csv.parent / "files/a.sdf"), str(csv.parent / "files/p.pdb"))]
        assert (table.column("pK").tolist(), table.units) == ([5.5], {"pK": "-log10(M)"})
        assert table.group("pdb").tolist() == ["1e66"]
        assert dict(table.left_out) == {
            "b": "its label is not exact: Kd<0.3uM",
            "c": "its label is not exact: Kd=30nM",
            "d": "marked as not usable",
            "e": "no label for pK",
            "f": f"there is no file {csv.parent / 'files/gone.sdf'}",
            "g": "it names no protein",
        }


def test_filters_can_be_switched_off(csv: Path) -> None:
    assert load_complexes(csv, exact=False).ids.tolist() == ["a", "b", "c"]
    assert load_complexes(csv, exact=False, usable=False).ids.tolist() == ["a", "b", "c", "d"]


def test_missing_groups_stay_empty_and_codes_stay_text(csv: Path) -> None:
    table = load_complexes(csv, exact=False)
    assert table.group("target").tolist() == ["kinase", "kinase", ""]
    assert table.group("pdb").tolist() == ["1e66", "2e10", "3abc"]
    assert set(table.groups) == {"pdb", "measurement", "target", "usable", "exact"}


def test_maps_proteins_and_several_labels(tmp_path: Path) -> None:
    for name in ("l.sdf", "whole.pdb", "pocket.pdb", "m.ccp4"):
        (tmp_path / name).write_text("")
    absolute = tmp_path / "m.ccp4"
    rows = ["id,protein,pocket,ligand,map,dG,solubility", f"a,whole.pdb,pocket.pdb,l.sdf,{absolute},-9.5,1"]
    rows += ["b,,,l.sdf,m.ccp4,-8,", "c,whole.pdb,pocket.pdb,l.sdf,,,2"]
    (tmp_path / "mine.csv").write_text("\n".join(rows))
    ligand, whole, pocket = (str(tmp_path / name) for name in ("l.sdf", "whole.pdb", "pocket.pdb"))
    table = load_complexes(tmp_path / "mine.csv", ("dG", "solubility"), units={"dG": "kcal/mol"})
    assert table.datapoints() == [(ligand, pocket, str(absolute)), (ligand, str(absolute)), (ligand, pocket)]
    np.testing.assert_array_equal(table.columns(["dG", "solubility"]), [[-9.5, 1], [-8, np.nan], [np.nan, 2]])
    assert table.units == {"dG": "kcal/mol"}
    table = load_complexes(tmp_path / "mine.csv", "dG", protein="protein")
    assert table.datapoints() == [(ligand, whole, str(absolute)), (ligand, str(absolute))]
    assert table.left_out == (("c", "no label for dG"),)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id,pdb", "name,pdb", "no column id"),
        (",pK,", ",affinity,", "no column pK"),
        (",pocket,", ",receptor,", "no column pocket, protein or map"),
        ("5.5", "high", r"Line 2 of '\S+' has 'high' as its pK; a finite number"),
        ("5.5", "inf", r"Line 2 of '\S+' has 'inf' as its pK; a finite number"),
        ("b,2e10", "a,2e10", "'a' in line 3 is not unique"),
        ("b,2e10", ",2e10", "'' in line 3 is not unique"),
        ("kinase,True,True", "kinase,maybe,True", "usable is 'maybe' for 'a'"),
        ("a.sdf", "z.sdf", r"None of the 7 complexes in '\S+' can be used; the first: \('a', 'there is no file"),
    ],
)
def test_what_is_wrong_with_a_csv_is_said(csv: Path, old: str, new: str, message: str) -> None:
    csv.write_text(csv.read_text().replace(old, new))
    with pytest.raises(ValueError, match=message):
        load_complexes(csv)


def test_a_csv_that_is_none_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no file or folder"):
        load_complexes(tmp_path / "nothing.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match="cannot be read as csv"):
        load_complexes(tmp_path / "empty.csv")
    with pytest.raises(ValueError, match="hold 'pK' only"):
        load_complexes(tmp_path, "dG")


def test_a_folder_in_pdbbind_layout_is_read_as_one(shared_data: Path) -> None:
    table = load_complexes(shared_data / "pdbbind_core")
    assert len(table) == 228
    assert table.group("measure").tolist().count("IC50") == 0


def test_all_labelled_complexes_are_read_as_they_are(shared_data: Path) -> None:
    table = load_complexes(shared_data)
    assert (len(table), len(table.left_out)) == (2323, 7)
    everything = load_complexes(shared_data, exact=False, usable=False)
    assert (len(everything), everything.left_out) == (2330, ())
    listed = pd.read_csv(shared_data / "complexes.csv").set_index("id").loc[table.ids]
    np.testing.assert_array_equal(table.column("pK"), listed["pK"])
    heavy = table.baseline_features()["ligand heavy atoms"][:, 0]
    assert table.ids[np.isnan(heavy)].tolist() == ["unifep_Hermite__FXR_002"], "a hydrogen 0.52 Å from a carbon"
    known = listed["n_heavy"].notna().to_numpy() & np.isfinite(heavy)
    np.testing.assert_array_equal(heavy[known], listed["n_heavy"][known])


def test_size_alone_predicts_affinity_as_it_is_known_to(shared_data: Path) -> None:
    """Pearson of pK and ligand heavy atoms, and the rank of the baselines on the core set of 2016."""
    table = load_complexes(shared_data)
    features, y, sets = table.baseline_features(), table.column("pK"), table.group("set")
    for name, expected in (("pdbbind_core2016", 0.517), ("unifep_ref", 0.28), ("schrodinger_fep", 0.26)):
        inside = (sets == name) & np.isfinite(features["ligand heavy atoms"][:, 0])
        pearson = regression_metrics(y[inside], features["ligand heavy atoms"][inside, 0])["pearson"]
        assert pearson == pytest.approx(expected, abs=0.01)
    extra = np.isin(sets, ["pdbbind_core2016", "pdbbind_extra"])
    places = np.flatnonzero(extra)
    pool, _, test = (places[part] for part in split_around(sets[extra] == "pdbbind_core2016", 0))
    predicted = predict_baselines(features, y, pool, test)
    rmse = {name: regression_metrics(y[test], values)["rmse"] for name, values in predicted.items()}
    assert rmse["ligand heavy atoms"] < rmse["constant"]
    assert 1.5 < rmse["ligand heavy atoms"] < 2.5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("True,True\nb", "True,True,\nb", "Line 2 of '.*' has 10 fields and the header 9"),
        ("id,pdb", "pdb,pdb", "has several columns 'pdb'"),
        ("5.5", '"5,5"', "Line 2 of '.*' has '5,5' as its pK, with a decimal comma"),
        ("5.5", "99999999", r"Line 2 of '.*' has 1e\+08 as its pK; -log10 of a constant in mol/L, from -5 to 25"),
        ("b,2e10", "b\0,2e10", "Line 3 of '.*' holds a NUL"),
        ("b,2e10", '"b\n",2e10', None),
        ("b,2e10", '"b\nc",2e10', r"Line 3 of '.*' has 'b\\nc' as its id"),
    ],
)
def test_cells_that_cannot_be_are_refused_with_their_line(csv: Path, old: str, new: str, message: str | None) -> None:
    csv.write_text(csv.read_text().replace(old, new))
    if message is None:
        assert load_complexes(csv, exact=False).ids.tolist() == ["a", "b", "c"]
        return
    with pytest.raises(ValueError, match=message):
        load_complexes(csv)


def test_a_header_without_rows_is_said(csv: Path) -> None:
    csv.write_text(f"{HEADER}\n")
    with pytest.raises(ValueError, match="has a header and no rows; one for each complex is accepted"):
        load_complexes(csv)


def test_a_name_that_no_file_can_have_is_a_row_left_out(csv: Path) -> None:
    csv.write_text(csv.read_text().replace("files/b.sdf", "x" * 300))
    table = load_complexes(csv, exact=False)
    assert table.ids.tolist() == ["a", "c"]
    assert dict(table.left_out)["b"].startswith(f"there is no file {csv.parent}/xxx")


@pytest.mark.parametrize("mark", "<>~≤≥≈")
def test_every_sign_of_a_bound_leaves_the_row_out(csv: Path, mark: str) -> None:
    csv.write_text(csv.read_text().replace("Kd<0.3uM", f"Kd{mark}0.3uM"), encoding="utf-8")
    assert dict(load_complexes(csv).left_out)["b"] == f"its label is not exact: Kd{mark}0.3uM"


def test_another_unit_has_other_bounds(csv: Path) -> None:
    csv.write_text(csv.read_text().replace("5.5", "5500"))
    assert load_complexes(csv, units={"pK": "nM"}).column("pK").tolist() == [5500]


def test_a_file_that_is_no_csv_and_a_path_too_long_are_named(csv: Path) -> None:
    with pytest.raises(ValueError, match=r"The file '.*p\.pdb' arrived; a \.csv file, or a folder"):
        load_complexes(csv.parent / "files" / "p.pdb")
    with pytest.raises(ValueError, match=r"There is no file or folder 'x+'"):
        load_complexes("x" * 300)
    with pytest.raises(ValueError, match="each once"):
        load_complexes(csv, ["pK", "pK"])


def test_a_gzipped_csv_with_semicolons_is_read_the_same(csv: Path) -> None:
    packed = csv.parent / "other.csv.gz"
    packed.write_bytes(gzip.compress(csv.read_bytes().replace(b",", b";")))
    one, other = load_complexes(csv, exact=False), load_complexes(packed, exact=False)
    assert (one.datapoints(), one.labels.tolist()) == (other.datapoints(), other.labels.tolist())
