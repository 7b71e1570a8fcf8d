from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepchem_density.tables.pdbbind_index import (
    INDEX_COLUMNS,
    affinity_of,
    label_disagreements,
    read_index,
    read_indexes,
    read_uniprot,
)

GENERAL = """# PDB code, resolution, release year, -logKd/Ki, Kd/Ki, reference, ligand name
3zzf  2.20  2012   0.40  Ki=400mM      // 3zzf.pdf (NLG)
2tpi  2.10  1982   4.31  Kd=49uM       // 2tpi.pdf (2-mer)

6RSA   NMR  1986   4.40  Ki=40uM       // 6rsa.pdf (UVC)
5tln  2.30  1982   6.37  Ki=0.43uM     // 5tln.pdf (BAN) incomplete ligand structure
2avi  3.00  1993  15.22  Kd=0.6fM      // 2avi.pdf (BTN(x)) (R)-form
5xff  2.70  2018   8.21  IC50=6.2nM    // 5xff.pdf ()
4cts  2.90  1984   5.00  Kd<10uM       // 4cts.pdf (OAA&CIT)
"""


@pytest.fixture
def general(tmp_path: Path) -> Path:
    file = tmp_path / "INDEX_general_PL_data.2020"
    file.write_text(GENERAL)
    return file


def test_every_column_of_a_general_list(general: Path) -> None:
    index = read_index(general)
    assert tuple(index.columns) == INDEX_COLUMNS
    assert index.index.tolist() == ["3zzf", "2tpi", "6rsa", "5tln", "2avi", "5xff", "4cts"]
    row = index.loc["5tln"]
    assert row[["measure", "relation", "ligand", "reference"]].tolist() == ["Ki", "=", "BAN", "5tln.pdf"]
    assert row["note"] == "incomplete ligand structure"
    assert (row["resolution"], row["year"], row["cluster"], row["pK_file"]) == (2.3, 1982, -1, 6.37)
    assert row["molar"] == pytest.approx(0.43e-6)
    assert row["pK"] == pytest.approx(6.366531544)
    assert np.isnan(index.at["6rsa", "resolution"])
    assert index["ligand"].tolist() == ["NLG", "2-mer", "UVC", "BAN", "BTN(x)", "", "OAA&CIT"]
    assert index.at["2avi", "note"] == "(R)-form"
    assert index.at["4cts", "relation"] == "<"
    assert len(label_disagreements(index)) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ki=400mM", ("Ki", "=", 0.4)),
        ("Kd<10uM", ("Kd", "<", 1e-5)),
        ("IC50>=1.5nM", ("IC50", ">=", 1.5e-9)),
        ("Kd<=2pM", ("Kd", "<=", 2e-12)),
        ("Kd~0.6fM", ("Kd", "~", 6e-16)),
        ("Ki>2M", ("Ki", ">", 2.0)),
        ("Ki=3.1e-7M", ("Ki", "=", 3.1e-7)),
        ("Ki=7µM", ("Ki", "=", 7e-6)),
    ],
)
def test_units_and_marks(text: str, expected: tuple[str, str, float]) -> None:
    measure, relation, molar = affinity_of(text)
    assert (measure, relation) == expected[:2]
    assert molar == pytest.approx(expected[2], rel=1e-12)


@pytest.mark.parametrize("text", ["Ki=0nM", "Ki=nM", "EC50=1nM", "Ki 5nM", "Ki=5", "Ki=5nm", "Ki=5nM?", "Ki=-5nM"])
def test_other_measurements_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no affinity"):
        affinity_of(text)


def test_lists_without_logarithm_without_measurement_and_with_clusters(tmp_path: Path) -> None:
    core = tmp_path / "CoreSet.dat"
    core.write_text("#code resl year logKa Ka target\n4llx    1.75     2014    2.89     Ki=1300uM    1\n")
    assert read_index(core).loc["4llx", ["cluster", "pK_file"]].tolist() == [1, 2.89]
    plain = tmp_path / "INDEX_general_PL.2020"
    plain.write_text("6r12  1.74  2019  Ki>40uM       // 6r0q.pdf (JOT) ligand is compound 7b\n")
    row = read_index(plain).loc["6r12"]
    assert row["pK"] == pytest.approx(4.39794)
    assert np.isnan(row["pK_file"])
    bare = tmp_path / "INDEX_core_cluster.2013"
    bare.write_text("1abc 2.0 2001 5.25 12\n")
    row = read_index(bare).loc["1abc"]
    assert (row["pK"], row["cluster"], row["relation"]) == (5.25, 12, "")


def test_a_label_that_contradicts_its_measurement_is_found(general: Path) -> None:
    general.write_text(GENERAL.replace("Ki=400mM", "Ki=400uM"))
    wrong = label_disagreements(read_index(general))
    assert wrong.index.tolist() == ["3zzf"]
    assert wrong["pK"].tolist() == pytest.approx([3.39794])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1abc 2.0 2001 5.25 Ki=5nX // a.pdf (X)", r"line 10 of 'INDEX_\S+' cannot be read \('Ki=5nX' is no affinity"),
        ("1abc 2.0 2001", "lines of the form"),
        ("abcd 2.0 2001 5.25 Ki=5nM", "lines of the form"),
        ("1abc two 2001 5.25 Ki=5nM", "'two' is no resolution"),
        ("1abc -1 2001 5.25 Ki=5nM", "impossible"),
        ("1abc 2.0 01 5.25 Ki=5nM", "'01' is no year"),
        ("1abc 2.0 2001 5.25 Ki=5nM extra", "'extra' was not expected"),
        ("1abc 2.0 2001 12", "holds no affinity"),
        ("3ZZF 2.0 2001 5.25 Ki=5nM", "3zzf was listed before"),
        ("1abc 2014 3.4.21.5 thrombin", "'3.4.21.5' is no year"),
    ],
)
def test_a_bad_line_is_named(general: Path, line: str, message: str) -> None:
    general.write_text(GENERAL + line + "\n")
    with pytest.raises(ValueError, match=message) as error:
        read_index(general)
    assert line in str(error.value)


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "INDEX").write_text("# nothing\n")
    with pytest.raises(ValueError, match="lists no complexes"):
        read_index(tmp_path / "INDEX")
    with pytest.raises(ValueError, match="no INDEX file arrived"):
        read_indexes([])


def test_of_several_lists_the_first_counts_and_clusters_are_kept(general: Path, tmp_path: Path) -> None:
    older = tmp_path / "CoreSet.dat"
    older.write_text("3zzf 2.20 2012 1.00 Ki=100mM 7\n1abc 2.0 2001 5.00 Ki=10uM 8\n")
    index = read_indexes([general, older])
    assert len(index) == 8
    assert index.at["3zzf", "measurement"] == "Ki=400mM"
    assert index["cluster"].to_dict() | {} == dict.fromkeys(read_index(general).index, -1) | {"3zzf": 7, "1abc": 8}


def test_every_published_list_is_read_without_contradiction(shared_data: Path) -> None:
    sizes = {
        "INDEX_general_PL_data.2015": 11987,
        "INDEX_general_PL_data.2018": 16151,
        "INDEX_general_PL_data.2019": 19231,
        "INDEX_general_PL_data.2020": 19443,
        "INDEX_general_PL.2020": 19443,
        "INDEX_refined_data.2015": 3706,
        "INDEX_refined_data.2016": 4057,
        "INDEX_refined_data.2018": 4463,
        "INDEX_refined_data.2019": 4852,
        "CASF2016_CoreSet.dat": 285,
    }
    read = {name: read_index(shared_data / "index" / name) for name in sizes}
    assert {name: len(index) for name, index in read.items()} == sizes
    assert sum(len(label_disagreements(index)) for index in read.values()) == 0
    newest = read["INDEX_general_PL_data.2020"]
    assert newest["relation"].value_counts().to_dict() == {"=": 18939, ">": 215, "<": 149, "~": 132, "<=": 7, ">=": 1}
    assert read["CASF2016_CoreSet.dat"]["cluster"].nunique() == 57
    plain = read["INDEX_general_PL.2020"].loc[newest.index]
    pd.testing.assert_series_equal(plain["molar"], newest["molar"])


def test_clusters_of_two_core_lists_are_not_mixed_up(tmp_path: Path) -> None:
    """Each list numbers its targets from 1; a code in both ties two clusters."""
    for name, rows in (("2013", "1abc 1;2abc 1;3abc 2;6abc 3"), ("2016", "4abc 1;5abc 2;3abc 2;7abc 4")):
        lines = (f"{code} 2.0 2010 5.25 {cluster}" for code, cluster in map(str.split, rows.split(";")))
        (tmp_path / f"INDEX_core_cluster.{name}").write_text("\n".join(lines))
    (tmp_path / "INDEX_general_PL.2020").write_text("8abc 2.0 2010 Kd=1uM // 8abc.pdf (LIG)\n")
    names = ("INDEX_general_PL.2020", "INDEX_core_cluster.2013", "INDEX_core_cluster.2016")
    cluster = read_indexes([tmp_path / name for name in names])["cluster"]
    assert cluster["8abc"] == -1
    assert (cluster.drop("8abc") >= 0).all()
    groups = cluster.drop("8abc").groupby(cluster).groups.values()
    assert sorted(sorted(codes) for codes in groups) == [
        ["1abc", "2abc"],
        ["3abc", "5abc"],
        ["4abc"],
        ["6abc"],
        ["7abc"],
    ]


def test_accessions_of_names(tmp_path: Path, caplog) -> None:
    file = tmp_path / "INDEX_general_PL_name.2020"
    file.write_text(
        "# PDB code, release year, Uniprot ID, protein name\n"
        "6mu1  2018  P29994  INOSITOL 1,4,5-TRISPHOSPHATE RECEPTOR TYPE 1\n"
        "3T8S  2011  p29994  INOSITOL 1,4,5-TRISPHOSPHATE RECEPTOR TYPE 1\n"
        "1abc  1999  ------  PEPTIDE\n"
        "2abc  1999  Q9Z9H6\n"
        "broken\n"
    )
    assert read_uniprot(file).to_dict() == {"6mu1": "P29994", "3t8s": "P29994", "2abc": "Q9Z9H6"}
    assert "1 lines of 'INDEX_general_PL_name.2020', such as line 6," in caplog.text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1abc 2.0 6004 5.00 Kd=10uM", "'6004' is no year from 1970 to 2100"),
        ("1abc 2.0 \u0661\u0669\u0669\u0669 5.00 Kd=10uM", "is no year"),
        ("1abc inf 2010 5.00 Kd=10uM", "'inf' is no resolution"),
        ("1abc 2_0 2010 5.00 Kd=10uM", "'2_0' is no resolution"),
        ("1abc 250 2010 5.00 Kd=10uM", "a resolution of 250 Å is impossible; up to 100 is read"),
        ("1abc 2.0 2010 99999999.00", r"a -log10 of 1e\+08 is impossible; from -5 to 25 is read"),
        ("1abc 2.0 2010 99999999.00 Kd=10uM", r"a -log10 of 1e\+08 is impossible"),
        ("1abc 2.0 2010 5.00 Kd=1e-40M", "a -log10 of 40 is impossible"),
        ("1abc 2.0 2010 5.00 Kd=1e999M", "a -log10 of -inf is impossible"),
        ("1abc 2.0 2010 5.00 Kd=\u0661\u0660uM", "is no affinity"),
        ("1abc 2.0 2010 \u0665.\u0660 Kd=10uM", "is no affinity"),
        ("1abc 2.0 2010 5.00 Kd=10uM 99999999999999999999", "'99999999999999999999' was not expected"),
        ("1abc 2.0 2010 5.00 Kd=10uM \u0661", "was not expected"),
    ],
)
def test_values_that_cannot_be_are_refused(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "INDEX_general_PL_data.2020"
    file.write_text(f"# remark\n{line} // x.pdf (A)\n", encoding="utf-8")
    with pytest.raises(ValueError, match=rf"line 2 of 'INDEX_\S+' cannot be read \(.*{message}"):
        read_index(file)


def test_the_micro_sign_of_windows_programs_is_read(tmp_path: Path) -> None:
    file = tmp_path / "INDEX_general_PL_data.2020"
    file.write_bytes("1abc 2.0 2010 5.00 Kd=10µM // x.pdf (A)\r\n".encode("cp1252"))
    with pytest.warns(UserWarning, match=r"INDEX_general_PL_data\.2020' is not UTF-8 .* read as cp1252"):
        assert read_index(file).at["1abc", "pK"] == pytest.approx(5.0)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no file '.*INDEX'; check the path"):
        read_index(tmp_path / "INDEX")
