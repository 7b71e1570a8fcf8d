"""What names of residues mean, in files without a column for the element too."""

from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.macromolecule import read_macromolecule
from deepchem_density.structures.residue_names import holds_ions, ion_number, is_water
from deepchem_density.structures.structure import symbol

IONS = {
    # element: residue and atom, as CHARMM, GROMACS, GROMOS, AMBER and the PDB call it
    "Li": [("LIT", "LIT"), ("LI", "LI"), ("Li+", "Li+")],
    "Na": [("SOD", "SOD"), ("NA", "NA"), ("NA+", "NA+"), ("Na+", "Na+"), ("ION", "NA"), ("CIO", "IP")],
    "K": [("POT", "POT"), ("K", "K"), ("K+", "K+"), ("ION", "K+")],
    "Rb": [("RUB", "RUB"), ("RB", "RB")],
    "Cs": [("CES", "CES"), ("CS", "CS"), ("Cs+", "Cs+")],
    "Mg": [("MG", "MG"), ("MG2", "MG"), ("MG2", "MG2+")],
    "Ca": [("CAL", "CAL"), ("CA", "CA"), ("CA2", "CA2+"), ("C0", "C0")],
    "Ba": [("BAR", "BAR")],
    "Mn": [("MN", "MN"), ("MN3", "MN")],
    "Fe": [("FE2", "FE"), ("FE", "FE"), ("FE2", "FE2")],
    "Co": [("CO", "CO"), ("3CO", "CO")],
    "Zn": [("ZN", "ZN"), ("ZN2", "ZN")],
    "Cd": [("CAD", "CAD"), ("CD", "CD"), ("CD2", "CD2")],
    "Hg": [("HG", "HG")],
    "F": [("FLU", "FLU"), ("F", "F")],
    "Cl": [("CLA", "CLA"), ("CL", "CL"), ("CL-", "CL-"), ("Cl-", "Cl-"), ("CHL", "CHL"), ("CIM", "IM")],
    "Br": [("BR", "BR"), ("BRO", "BRO"), ("Br-", "Br-")],
    "I": [("IOD", "IOD"), ("IOD", "I")],
}
NAMES = [(element, *names) for element, several in IONS.items() for names in several]


def pdb(*atoms: tuple[str, str, str], element: str = "", number: int = 1) -> str:
    """Lines of atoms (name in its columns, residue, place) 4 Å apart, each residue with a number of its own."""
    return "".join(
        f"ATOM  {i:5d} {name:<4s} {residue:<4s}{place:>5d}    {4.0 * i:8.3f}{0:8.3f}{1:8.3f}  1.00  0.00          {element:>2s}\n"
        for i, (name, residue, place) in enumerate(atoms, number)
    )


def read(tmp_path, text: str, name: str = "a.pdb", **settings):
    (tmp_path / name).write_text(text)
    return read_macromolecule(tmp_path / name, **settings)


@pytest.mark.parametrize(("element", "residue", "name"), NAMES)
@pytest.mark.parametrize("indent", ["", " "], ids=["column 13", "column 14"])
def test_an_ion_without_an_element_is_the_ion(element, residue, name, indent, tmp_path):
    carbon = pdb((" C1 ", "LIG", 1))
    text = carbon + pdb((f"{indent}{name}"[:4], residue, 2), (f"{indent}{name}"[:4], residue, 3), number=2)
    assert [symbol(n) for n in read(tmp_path, text).numbers] == ["C", element, element]
    assert read(tmp_path, text, ions=False).formula == "C"


@pytest.mark.parametrize(("element", "residue", "name"), NAMES)
def test_mmcif_without_elements_tells_the_same(element, residue, name, tmp_path):
    tags = ("id", "type_symbol", "label_atom_id", "label_comp_id", "label_asym_id", "auth_seq_id", "Cartn_x", "Cartn_y")
    head = "data_a\nloop_\n" + "".join(f"_atom_site.{tag}\n" for tag in (*tags, "Cartn_z"))
    text = f"{head}1 C C1 LIG A 1 0 0 1\n2 ? '{name}' '{residue}' A 2 4 0 1\n"
    assert [symbol(n) for n in read(tmp_path, text, "a.cif").numbers] == ["C", element]
    assert read(tmp_path, text, "a.cif", ions=False).formula == "C"


@pytest.mark.parametrize("element", ["", "C", "Cl"])
def test_an_element_guessed_from_the_first_letter_does_not_count(element, tmp_path):
    assert read(tmp_path, pdb((" CLA", "CLA", 1), element=element)).formula == "Cl"


@pytest.mark.parametrize("segment", ["IONS", "A", "  AB", "1234"])
def test_the_name_of_a_segment_is_no_element(segment, tmp_path):
    text = pdb((" C1 ", "LIG", 1), (" SOD", "SOD", 2))
    text = "".join(f"{line[:72]}{segment:<4}{line[76:]}\n" for line in text.split("\n")[:-1])
    assert read(tmp_path, text).formula == "CNa"


def test_an_element_that_forms_ions_itself_is_taken_as_given(tmp_path):
    assert read(tmp_path, pdb(("CA  ", "CA", 1), element="CD")).formula == "Cd"


def test_names_that_only_look_like_ions_are_none(tmp_path):
    """A trace of Cα atoms, chlorophyll a (CLA) with more atoms than one, and a nucleotide."""
    trace = pdb((" CA ", "GLY", 1), (" CA ", "ALA", 2))
    assert read(tmp_path, trace, ions=False).formula == "C2"
    chlorophyll = pdb(("MG  ", "CLA", 1), (" CHA", "CLA", 1), (" NA ", "CLA", 1))
    assert read(tmp_path, chlorophyll, ions=False).formula == "CMgN"
    assert ion_number("GLY", "CA") == ion_number("SOD", "CL") == ion_number("LIG", "NA") == 0
    assert not holds_ions("ALA")


@pytest.mark.parametrize(
    ("residue", "names"),
    [
        ("SOL", (" OW ", " HW1", " HW2", " MW ")),
        ("SOL", ("OW  ", "HW1 ", "HW2 ", "MW  ")),
        ("TIP4", (" OH2", " H1 ", " H2 ", " OM ")),
        ("TP5", (" O  ", " H1 ", " H2 ", " LP1", " LP2")),
        ("TP4", (" O  ", " H1 ", " H2 ", " EPW")),
        ("WAT", (" O  ", " H1 ", " H2 ", " EP1", " EP2")),
        ("SWM4", (" OH2", "DOH2", " LP ", " OM ", " H1 ", " H2 ")),
        ("TIP3", (" OH2", " H1 ", " H2 ")),
        ("DOD", (" O  ", " D1 ", " D2 ")),
    ],
)
def test_sites_of_water_without_an_atom_are_left_out(residue, names, tmp_path):
    text = pdb((" C1 ", "LIG", 1)) + pdb(*((name, residue, 2) for name in names), number=2)
    assert read(tmp_path, text).formula == "CH2O"
    assert read(tmp_path, text, waters=False).formula == "C"
    assert is_water(residue)


def test_an_unknown_site_matters_only_where_it_is_kept(tmp_path):
    text = pdb((" C1 ", "LIG", 1), (" O  ", "HOH", 2), (" Q  ", "HOH", 2))
    assert read(tmp_path, text, waters=False).formula == "C"
    with pytest.raises(FeaturizationError, match=r"The element of atom Q of HOH 2 of 'a.pdb' is not known"):
        read(tmp_path, text)


def test_ions_that_share_a_number_are_ions(tmp_path):
    text = pdb((" C1 ", "LIG", 1), (" SOD", "SOD", 2), (" SOD", "SOD", 2))
    np.testing.assert_array_equal(read(tmp_path, text).numbers, [6, 11, 11])
    assert read(tmp_path, text, ions=False).formula == "C"
