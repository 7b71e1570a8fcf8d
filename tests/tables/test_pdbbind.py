from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from deepchem_density.tables.pdbbind import find_indexes, read_pdbbind_folder

INDEX = """# PDB code, resolution, release year, -logKd/Ki, Kd/Ki, reference, ligand name
1abc  2.20  2012   5.00  Ki=10uM      // 1abc.pdf (NLG)
1e66   NMR  1986   4.40  Ki=40uM      // 1e66.pdf (UVC) incomplete ligand structure
3abc  2.10  1982   4.31  Kd=49uM      // 3abc.pdf (2-mer)
4abc  2.90  1984   5.00  Kd<10uM      // 4abc.pdf (OAA)
6abc  2.90  1984   5.00  Kd=10uM      // 6abc.pdf (OAA)
"""


def write_complex(folder: Path, name: str, *endings: str) -> None:
    (folder / name).mkdir(parents=True)
    for ending in endings:
        (folder / name / f"{name}_{ending}").write_text("")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sets and a core list, as the archives unpack."""
    top = tmp_path / "pdbbind"
    write_complex(top / "refined-set", "1abc", "ligand.sdf", "ligand.mol2", "pocket.pdb", "protein.pdb")
    write_complex(top / "refined-set", "1e66", "ligand.mol2", "pocket.pdb", "protein.pdb")
    write_complex(top / "v2020-other-PL", "3abc", "ligand.sdf", "protein.pdb")
    write_complex(top / "v2020-other-PL", "4abc", "ligand.sdf", "pocket.pdb")
    write_complex(top / "v2020-other-PL", "5abc", "ligand.sdf", "pocket.pdb")
    write_complex(top / "v2020-other-PL", "6abc", "pocket.pdb")
    write_complex(top / "v2013-core", "1abc", "ligand.sdf", "pocket.pdb")
    (top / "index").mkdir()
    (top / "index" / "INDEX_general_PL_data.2020").write_text(INDEX)
    (top / "index" / "INDEX_general_PL_name.2020").write_text("1abc 2012 P1 PROTEIN\n")
    (top / "refined-set" / "index").mkdir()
    (top / "refined-set" / "index" / "INDEX_refined_data.2016").write_text(
        "1abc 2.2 2012 6.00 Ki=1uM // 1abc.pdf (X)\n"
    )
    (top / "refined-set" / "readme").mkdir()
    return top


def test_sets_are_joined_and_everything_left_out_is_explained(folder: Path) -> None:
    table = read_pdbbind_folder(folder)
    assert table.ids.tolist() == ["1abc", "1e66"]
    refined = folder / "refined-set"
    assert table.datapoints()[1] == (str(refined / "1e66/1e66_ligand.mol2"), str(refined / "1e66/1e66_pocket.pdb"))
    assert table.ligands[0].endswith("_ligand.sdf")
    assert table.group("set").tolist() == ["refined-set|v2013-core", "refined-set"]
    assert table.column("pK") == pytest.approx([5.0, 4.39794])
    assert table.units == {"pK": "-log10(M)"}
    assert table.group("year").tolist() == [2012, 1986]
    np.testing.assert_array_equal(table.group("resolution"), [2.2, np.nan])
    assert table.group("note").tolist() == ["", "incomplete ligand structure"]
    other = folder / "v2020-other-PL"
    assert dict(table.left_out) == {
        "3abc": f"there is no 3abc_pocket.pdb in '{other / '3abc'}'",
        "4abc": "its label is not exact: Kd<10uM",
        "5abc": "no INDEX file lists it",
        "6abc": f"there is no 6abc_ligand.sdf or .mol2 in '{other / '6abc'}'",
    }


def test_accessions_come_from_the_lists_of_names(folder: Path) -> None:
    """The newest list counts where two differ."""
    assert read_pdbbind_folder(folder).group("uniprot").tolist() == ["P1", ""]
    (folder / "refined-set" / "index" / "INDEX_refined_name.2016").write_text("1abc 2012 P0 OLD\n1e66 1986 P2 OTHER\n")
    (folder / "index" / "INDEX_general_PP_name.2020").write_text("1e66 1986 P3 PROTEINS\n")
    assert read_pdbbind_folder(folder).group("uniprot").tolist() == ["P1", "P2"]
    for file in folder.glob("**/INDEX_*_name.*"):
        file.unlink()
    assert "uniprot" not in read_pdbbind_folder(folder).groups


def test_whole_proteins_and_bounds_on_request(folder: Path) -> None:
    table = read_pdbbind_folder(folder, protein="protein")
    assert table.ids.tolist() == ["1abc", "1e66", "3abc"]
    assert all(path.endswith("_protein.pdb") for path in table.proteins)
    assert read_pdbbind_folder(folder, exact=False).ids.tolist() == ["1abc", "1e66", "4abc"]


def test_the_newest_general_list_counts_unless_another_is_named(folder: Path) -> None:
    names = [file.name for file in find_indexes(folder)]
    assert names == ["INDEX_general_PL_data.2020", "INDEX_refined_data.2016"]
    older = folder / "refined-set/index/INDEX_refined_data.2016"
    assert read_pdbbind_folder(folder, index=older).column("pK").tolist() == [6.0]
    both = read_pdbbind_folder(folder, index=[older, folder / "index/INDEX_general_PL_data.2020"])
    assert both.column("pK") == pytest.approx([6.0, 4.39794])


def test_one_flat_set_with_its_index_beside_it(folder: Path) -> None:
    table = read_pdbbind_folder(folder / "v2013-core")
    assert (table.ids.tolist(), table.group("set").tolist()) == (["1abc"], ["v2013-core"])


def test_names_other_than_codes_are_found_by_their_ligand(folder: Path) -> None:
    write_complex(folder / "mine", "kinase_[7]", "ligand.sdf", "pocket.pdb")
    assert dict(read_pdbbind_folder(folder).left_out)["kinase_[7]"] == "no INDEX file lists it"


def test_a_list_that_contradicts_itself_is_reported(folder: Path, caplog) -> None:
    file = folder / "index/INDEX_general_PL_data.2020"
    file.write_text(INDEX.replace("5.00  Ki=10uM", "8.00  Ki=10uM"))
    with caplog.at_level(logging.WARNING):
        table = read_pdbbind_folder(folder)
    assert "1 labels differ from the measurement beside them, which counts (1abc: Ki=10uM, 8.0)" in caplog.text
    assert table.column("pK")[0] == pytest.approx(5.0)


def test_folders_that_cannot_be_used_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="protein='receptor' arrived"):
        read_pdbbind_folder(folder, protein="receptor")
    with pytest.raises(ValueError, match="There is no folder"):
        read_pdbbind_folder(folder / "nothing")
    with pytest.raises(ValueError, match="holds no complexes"):
        read_pdbbind_folder(folder / "index")
    write_complex(tmp_path / "bare", "1abc", "ligand.sdf", "pocket.pdb")
    with pytest.raises(ValueError, match="There is no INDEX file with affinities"):
        read_pdbbind_folder(tmp_path / "bare")
    lonely = tmp_path / "lonely"
    write_complex(lonely, "5abc", "ligand.sdf", "pocket.pdb")
    with pytest.raises(ValueError, match=r"None of 1 complexes .* the first: \('5abc', 'no INDEX file lists it'\)"):
        read_pdbbind_folder(lonely, index=folder / "index/INDEX_general_PL_data.2020")


def test_the_core_set_of_2016(shared_data: Path) -> None:
    table = read_pdbbind_folder(shared_data / "pdbbind_core")
    assert (len(table), table.left_out) == (228, ())
    assert len(np.unique(table.group("cluster"))) == 57
    whole = read_pdbbind_folder(shared_data / "pdbbind_core", protein="protein")
    assert (len(whole), len(whole.left_out)) == (13, 215)
    extra = read_pdbbind_folder(shared_data / "pdbbind_extra")
    assert (len(extra), sorted(name for name, _ in extra.left_out)) == (479, ["1uyd", "2fv5", "2ohk"])


def test_a_file_where_the_folder_should_be_is_named(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"The file '.*data\.2020' arrived; the folder with PDBbind's complexes"):
        read_pdbbind_folder(folder / "index" / "INDEX_general_PL_data.2020")
    with pytest.raises(ValueError, match=r"There is no folder 'x+'"):
        read_pdbbind_folder("x" * 300)
