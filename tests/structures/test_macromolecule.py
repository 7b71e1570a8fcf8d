from __future__ import annotations

import csv
import gzip
import logging
from pathlib import Path

import gemmi
import numpy as np
import pytest

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.macromolecule import read_macromolecule
from deepchem_density.structures.structure import atomic_number, symbol

UNKNOWN_ELEMENT = {"2cf8", "2cf9", "2cn0", "2jh6", "2nq7"}
"""Receptors reduced to elements and coordinates, with one atom 'X' each."""

CIF_TAGS = ("group_PDB", "id", "type_symbol", "label_atom_id", "label_alt_id", "label_comp_id", "label_asym_id",
            "label_seq_id", "Cartn_x", "Cartn_y", "Cartn_z")  # fmt: skip


def line(name: str, residue: str, number: str, x: float, element: str = "", **fields) -> str:
    """An atom line; ``name`` has its four columns, ``number`` may end in an insertion code."""
    code = number[-1] if number[-1].isalpha() else " "
    number = number.rstrip(code) if code != " " else number
    get = {"altloc": " ", "chain": "A", "occupancy": "  1.00", "b_iso": " 20.00", "charge": "  ", "y": 0.0} | fields
    return (
        f"ATOM      1 {name:4s}{get['altloc']}{residue:>3s} {get['chain']}{number:>4s}{code}   {x:8.3f}{get['y']:8.3f}{0.0:8.3f}"
        f"{get['occupancy']}{get['b_iso']}          {element:>2s}{get['charge']}\n"
    )


@pytest.fixture
def read(tmp_path):
    """Write lines to a file and read it."""

    def write_and_read(*lines: str, name: str = "a.pdb", **settings):
        (tmp_path / name).write_text("".join(lines))
        return read_macromolecule(tmp_path / name, **settings)

    return write_and_read


def cif(tags: tuple[str, ...], *rows: str) -> str:
    names = "\n".join(f"_atom_site.{tag}" for tag in CIF_TAGS + tags)
    return f"data_A\nloop_\n{names}\n" + "\n".join(rows) + "\n"


SITE = (
    line(" N  ", "ASP", "5", 0.0, "N", b_iso=" 11.00"),
    line(" OD2", "ASP", "5", 2.0, "O", charge="1-", b_iso=" 12.50"),
    line(" HD2", "ASP", "5", 3.0, "H"),
    line("ZN  ", " ZN", "6", 5.0, "ZN", charge="2+", occupancy="  0.70"),
    line("CL  ", " CL", "7", 8.0, "CL", charge="-1"),
    line(" O  ", "HOH", "8", 11.0, "O"),
    line(" D1 ", "HOH", "8", 12.0, "D"),
    line(" OW ", "SOL", "9", 15.0, "O"),
    line(" C1 ", "LIG", "9A", 18.0, "C"),
)


def test_atoms_come_with_all_that_the_file_says(read):
    site = read(*SITE)
    assert [symbol(n) for n in site.numbers] == ["N", "O", "H", "Zn", "Cl", "O", "H", "O", "C"]
    assert site.positions[:, 0].tolist() == [0, 2, 3, 5, 8, 11, 12, 15, 18]
    assert site.b_iso.tolist() == [11, 12.5, *[20] * 7]
    assert site.site_occupancy.tolist() == [1, 1, 1, 0.7, *[1] * 5]
    assert site.formal_charges.tolist() == [0, -1, 0, 2, -1, 0, 0, 0, 0]
    assert site.residues.tolist() == [0, 0, 0, 1, 2, 3, 3, 4, 5]
    assert (site.name, site.charge, site.implicit_hydrogens) == ("a.pdb", 0, 0)


def test_waters_ions_and_hydrogens_are_dropped_on_request(read):
    assert read(*SITE, waters=False).formula == "CHClNOZn"
    assert read(*SITE, ions=False).formula == "CH2NO3"
    dry = read(*SITE, waters=False, ions=False, hydrogens="drop")
    assert (dry.formula, dry.implicit_hydrogens) == ("CNO", 1)
    assert dry.residues.tolist() == [0, 0, 1]
    assert dry.formal_charges.tolist() == [0, -1, 0]
    assert read(*SITE, ions=False, waters=False, hydrogens="drop").b_iso.tolist() == [11, 12.5, 20]
    haem = [line("FE  ", "HEM", "1", 0.0, "FE"), line(" NA ", "HEM", "1", 2.0, "N")]
    assert read(*haem, ions=False).formula == "FeN"
    with pytest.raises(FeaturizationError, match=r"waters=False and ions=False leave no atom of 'a.pdb'; keep more"):
        read(*SITE[3:8], waters=False, ions=False)


def test_b_factors_that_are_not_known(read):
    unknown = read(
        SITE[0], line(" C  ", "ASP", "5", 1.0, "C", b_iso=" -1.00"), line(" O  ", "ASP", "5", 2.0, "O", b_iso=" " * 6)
    )
    np.testing.assert_array_equal(unknown.b_iso, [11, np.nan, np.nan])
    for blank in ("  0.00", " " * 6):
        assert read(*(line(" C  ", "ALA", str(i), i, "C", b_iso=blank) for i in range(3))).b_iso is None


def test_occupancies_that_are_none(read, caplog):
    def occupancies(*values):
        return read(*(line(" C  ", "ALA", str(i), i, "C", occupancy=v) for i, v in enumerate(values))).site_occupancy

    assert occupancies("  0.00", "  0.00") is None
    assert occupancies(" " * 6, "  0.25", "  0.00").tolist() == [1, 0.25, 0]
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        assert occupancies(" -0.73", "  0.57") is None
        assert occupancies("  1.00", "  2.00") is None
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        "The occupancies of 'a.pdb' reach from -0.73 to 0.57",
        "The occupancies of 'a.pdb' reach from 1 to 2",
    ]


def test_one_of_the_alternative_locations_is_taken(read):
    ring = [line(" CB ", "SER", "3", 0.0, "C")]
    low = line(" OG ", "SER", "3", 1.4, "O", altloc="A", occupancy="  0.40")
    high = line(" OG ", "SER", "3", 1.9, "O", altloc="B", occupancy="  0.60")
    for lines in ((low, high), (high, low)):
        chosen = read(*ring, *lines)
        assert chosen.positions[:, 0].tolist() == [0, 1.9]
        assert chosen.site_occupancy.tolist() == [1, 1], "the other alternative's 0.4 are not lost"
    mutation = read(
        *(line(" CA ", "SER", "4", 0.1 + i, "C", altloc="A", occupancy="  0.30") for i in range(2)),
        *(line(" CA ", "THR", "4", 0.9 + i, "C", altloc="B", occupancy="  0.70") for i in range(1)),
        *ring,
    )
    assert mutation.positions[:, 0].tolist() == [0.9, 0]
    assert mutation.residues.tolist() == [0, 1]
    assert mutation.site_occupancy.tolist() == [1, 1]


def test_alternatives_that_stand_apart_are_alternatives(read):
    """All second locations at the end of the chain; two chains without a name stay two all the same."""
    serine = [line(" CB ", "SER", "3", 0.0, "C"), line(" OG ", "SER", "3", 1.4, "O", altloc="A", occupancy="  0.40")]
    apart = read(
        *serine,
        line(" CA ", "GLY", "4", 4.0, "C"),
        line(" OG ", "SER", "3", 1.9, "O", altloc="B", occupancy="  0.60"),
    )
    assert apart.positions[:, 0].tolist() == [0, 1.9, 4]
    assert apart.site_occupancy.tolist() == [1, 1, 1]
    assert apart.residues.tolist() == [0, 0, 1]


def test_what_has_no_alternative_in_the_file_keeps_its_occupancy(read):
    """As in the pockets of PDBbind, from which alternatives were removed, and waters that are there in part."""
    alone = line(" OG ", "SER", "3", 1.4, "O", occupancy="  0.40")
    labelled = line(" O  ", "HOH", "4", 9.0, "O", altloc="B", occupancy="  0.30")
    assert read(alone, labelled).site_occupancy.tolist() == [0.4, 0.3]
    both = line(" O  ", "HOH", "4", 9.5, "O", altloc="A", occupancy="  0.35")
    assert read(alone, both, labelled).site_occupancy.tolist() == [0.4, 0.65]
    assert read(alone, both, labelled, waters=False).site_occupancy.tolist() == [0.4]


@pytest.mark.parametrize(
    "name", ["4ms6/4ms6.pdb", "5a3h/5a3h.pdb", "3ek3/3ek3.cif", "JMJD2DA-x336/JMJD2DA-x336_event2.pdb"]
)
def test_alternatives_add_up_to_all_electrons_of_an_entry(name, shared_data):
    """Sums over all atoms of the file, by gemmi, against those that were chosen: 506 electrons of 4ms6."""
    path = shared_data / "maps" / name
    sites = list(gemmi.read_structure(str(path))[0].all())
    expected = sum(site.atom.occ * site.atom.element.atomic_number for site in sites)
    chosen = read_macromolecule(path)
    assert any(site.atom.has_altloc() for site in sites)
    assert len(chosen.numbers) < len(sites)
    assert chosen.numbers @ chosen.site_occupancy == pytest.approx(expected, rel=1e-6)
    assert chosen.site_occupancy.max() <= 1


def test_insertion_codes_tell_residues_apart(read):
    apart = read(*(line(" CA ", "GLY", number, 3.8 * i, "C") for i, number in enumerate(["60", "60A", "60B", "61"])))
    assert apart.residues.tolist() == [0, 1, 2, 3]


def test_chains_without_a_name_stay_apart(read):
    """The two halves of a dimer; only one of them has a residue in two places."""
    first = [line(" CA ", "ASP", "25", 0.0, "C", chain=" "), line(" CA ", "THR", "26", 3.8, "C", chain=" ")]
    second = [
        line(" CA ", "ASP", "25", 10.0, "C", chain=" ", altloc="A", occupancy="  0.60"),
        line(" CA ", "ASP", "25", 10.5, "C", chain=" ", altloc="B", occupancy="  0.40"),
        line(" CA ", "THR", "26", 13.8, "C", chain=" "),
    ]
    both = read(*first, *second)
    assert both.positions[:, 0].tolist() == [0, 3.8, 10, 13.8]
    assert both.residues.tolist() == [0, 1, 2, 3]


def test_elements_come_from_names_where_columns_are_missing(read):
    names = {" CA ": "C", "CA  ": "C", "HG11": "H", " SG ": "S", "ND2 ": "N", "1HB ": "H"}
    lines = [line(name, "CYS", str(i), 2.0 * i) for i, name in enumerate(names)]
    assert [symbol(n) for n in read(*lines).numbers] == list(names.values())
    unknown = [
        line("CL  ", "UNK", "1", 0.0, "CL"),
        line("CL  ", "ALA", "2", 3.0, "CL"),
        line("HG  ", "SER", "3", 6.0, "HG"),
    ]
    assert [symbol(n) for n in read(*unknown).numbers] == ["Cl", "C", "H"]
    ions = [
        line("CA  ", " CA", "1", 0.0),
        line("SE  ", "MSE", "2", 3.0),
        line("CA  ", "MSE", "2", 6.0),
    ]
    assert [symbol(n) for n in read(*ions).numbers] == ["Ca", "Se", "C"]


def test_an_element_that_is_none_names_the_atom(read):
    with pytest.raises(
        FeaturizationError, match=r"The element of atom Q1 of LIG 7B in chain A of 'a.pdb' is not known; write"
    ):
        read(SITE[0], line(" Q1 ", "LIG", "7B", 4.0, "X"))
    with pytest.raises(FeaturizationError, match=r"The element of atom Q1 of LIG 7 of 'a.pdb' is not known"):
        read(line(" Q1 ", "LIG", "7", 4.0, chain=" "))


def test_models_are_counted_from_0(read):
    models = "".join(f"MODEL {i + 1:8d}\n{line(' CA ', 'GLY', '1', 4.0 + i, 'C')}ENDMDL\n" for i in range(3))
    assert [read(models, model=i).positions[0, 0] for i in range(3)] == [4, 5, 6]
    assert read(models).positions[0, 0] == 4
    for model in (3, -1):
        with pytest.raises(
            FeaturizationError, match=f"'a.pdb' has 3 models; model={model} arrived, 0 to 2 are accepted"
        ):
            read(models, model=model)


def test_atoms_on_the_same_point(read):
    def pair(number="5", element="C", **fields):
        return SITE[0], line(" CA ", "GLY", "4", 3.0, "C"), line(" C  ", "GLY", number, 3.0, element, **fields)

    assert read(*pair("4")).numbers.size == 2  # the same atom twice
    assert read(*pair(occupancy="  0.00")).site_occupancy.tolist() == [1, 1]
    assert read(*pair(altloc="B", occupancy="  0.50")).numbers.size == 2
    ghost = read(SITE[0], line(" CA ", "GLY", "4", 3.0, "C", occupancy="  0.00"), line(" N  ", "GLY", "6", 3.02, "N"))
    assert [symbol(n) for n in ghost.numbers] == ["N", "N"]
    for atoms in (pair(), pair("4", "N")):
        with pytest.raises(
            FeaturizationError, match=r"In 'a.pdb', atom CA of GLY 4 in chain A and atom C of GLY .* same point"
        ):
            read(*atoms)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("", "a.pdb", r"'a.pdb' holds no atoms; it begins with ''"),
        ("<html>404</html>", "a.pdb", r"'a.pdb' (holds no atoms; it begins with|cannot be read as a PDB file).*html"),
        (
            "data_a\n_cell.length_a 3\n",
            "a.pdb",
            "'a.pdb' (cannot be read as a PDB file|holds no atoms).*data_a|cif not pdb",
        ),
        ("<html>404</html>", "a.cif", r"'a.cif' cannot be read as mmCIF: .*expected block header"),
        (
            "data_a\n_cell.length_a 3\n",
            "a.cif",
            r"'a.cif' has 0 blocks with coordinates \(_atom_site.Cartn_x\), one is",
        ),
        (
            line(" CA ", "GLY", "1", 0.0, "C") + line(" N  ", "GLY", "1", 0.0, "N"),
            "a.ent",
            "All 2 atoms of 'a.ent' are at 0",
        ),
        (
            cif((), "ATOM 1 C CA . GLY A 1 ? 0 0"),
            "a.cif",
            r"In 'a.cif', atom CA of GLY 1 in chain A is at \[nan, 0.0, 0.0\]",
        ),
        (
            cif(("pdbx_formal_charge",), "ATOM 1 C CA . GLY A 1 1 0 0 2+"),
            "a.cif",
            r"Row 1 of _atom_site in 'a.cif' has '2\+' as its pdbx_formal_charge; a whole number",
        ),
        (
            "C",
            "a.sdf",
            r"'a.sdf' is no macromolecule's file; .pdb, .ent, .cif, .mmcif, also followed by .gz, are accepted",
        ),
    ],
)
def test_files_that_cannot_be_read_say_why(text, name, message, read):
    with pytest.raises(FeaturizationError, match=message):
        read(text, name=name)


def test_hydrogens_are_kept_or_dropped_and_nothing_else(read):
    with pytest.raises(ValueError, match="hydrogens='add' arrived; 'keep' or 'drop' is accepted for macromolecules"):
        read(*SITE, hydrogens="add")


def test_mmcif_tells_the_same(read):
    rows = (
        "ATOM 1 O OD2 . ASP A 1 1.5 0 0 {} {} -1",
        "HETATM 2 ZN ZN . ZN B . 4.5 1 0 {} {} 2",
        "ATOM 3 D D . DOD C . 9 9 9 {} {} ?",
    )
    tags = ("occupancy", "B_iso_or_equiv", "pdbx_formal_charge")
    full = read(cif(tags, *(row.format("0.5", 12.25) for row in rows)), name="a.cif")
    assert (full.formula, full.residues.tolist()) == ("HOZn", [0, 1, 2])
    assert (full.b_iso.tolist(), full.site_occupancy.tolist()) == ([12.25] * 3, [0.5] * 3)
    assert full.formal_charges.tolist() == [-1, 2, 0]
    np.testing.assert_array_equal(full.positions, [[1.5, 0, 0], [4.5, 1, 0], [9, 9, 9]])
    partly = read(cif(tags, rows[0].format("?", "."), rows[1].format(".", "30.0")), name="b.mmcif")
    np.testing.assert_array_equal(partly.b_iso, [np.nan, 30])
    assert partly.site_occupancy.tolist() == [1, 1]
    bare = read(cif((), *(row[: row.index(" {")] for row in rows)), name="c.cif")
    assert (bare.b_iso, bare.formal_charges) == (None, None)


def test_gzipped_files_are_read(tmp_path):
    (tmp_path / "a.pdb.gz").write_bytes(gzip.compress("".join(SITE).encode()))
    assert read_macromolecule(str(tmp_path / "a.pdb.gz")).formula == "CH2ClNO3Zn"
    with pytest.raises(FeaturizationError, match="There is no file"):
        read_macromolecule(tmp_path / "b.pdb")


def test_every_pocket_of_the_complexes_is_read(shared_data, caplog):
    """Against the columns of the files, which need no parser where there are no alternative locations."""
    with (shared_data / "complexes.csv").open() as table:
        files = sorted({row["pocket"] for row in csv.DictReader(table)})
    assert len(files) > 1000
    refused = {}
    for file in files:
        try:
            pocket = read_macromolecule(shared_data / file)
        except FeaturizationError as error:
            refused[Path(file).parent.name] = str(error)
            continue
        lines = [x for x in (shared_data / file).read_text().split("\n") if x.startswith(("ATOM", "HETATM"))]
        if all(x[16] == " " and x[34] == "." for x in lines):  # as waters of PDBbind are not
            positions = [[float(x[i : i + 8]) for i in (30, 38, 46)] for x in lines]
            np.testing.assert_array_equal(pocket.positions, positions, err_msg=file)
            elements = [atomic_number(x[76:78].strip().capitalize()) for x in lines]
            np.testing.assert_array_equal(pocket.numbers, elements, err_msg=file)
        assert len(pocket.numbers) > 0.6 * len(lines)
    assert set(refused) == UNKNOWN_ELEMENT
    assert all(reason.startswith("The element of atom X of UNK") for reason in refused.values())
    assert len({record.getMessage() for record in caplog.records}) == 1


@pytest.mark.parametrize("suffix", [".pdb", ".cif"])
def test_every_model_of_a_map_is_read_as_gemmi_reads_it(suffix, shared_data):
    """gemmi's own choice among alternative locations is the first; here the atoms that have none are compared."""
    read = 0
    for file in sorted((shared_data / "maps").glob(f"*/*{suffix}")):
        if file.name in ("LZA.cif", "NUT.cif", "1yjp-sf.cif"):  # restraints, structure factors
            with pytest.raises(FeaturizationError, match="has 0 blocks with coordinates"):
                read_macromolecule(file)
            continue
        ours = read_macromolecule(file)
        whole = gemmi.read_structure(str(file))
        theirs = [site.atom for site in whole[0].all()]
        single = [atom for atom in theirs if not atom.has_altloc()]
        positions = {tuple(np.round(position, 3)) for position in ours.positions.tolist()}
        assert {tuple(np.round(atom.pos.tolist(), 3)) for atom in single} <= positions
        assert len(single) <= len(ours.numbers) <= len(theirs)
        assert np.nansum(ours.b_iso) > 0
        read += 1
    assert read >= 3
