"""Odd and broken files: each gives the right result or says by name what is wrong with it."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from deepchem_density.errors import FeaturizationError
from deepchem_density.featurizers import DensityVoxel, OccupancyVoxel
from deepchem_density.structures.macromolecule import read_macromolecule
from deepchem_density.structures.readers import structure_from

# Formula and formal charge of what can be read, or what the error says.
MOLECULES = {
    "real/rdkit_FeCO5.mol": "is a flat drawing",
    "real/rdkit_CH.v3k.mol": ("C", 0),
    "real/rdkit_chebi_57262.v3k.mol": "Atom 18 of 'rdkit_chebi_57262.v3k.mol' has atomic number 0",
    "real/rdkit_AtomQuery1.mol": "is a flat drawing",
    "real/1OF6_vina_multipose.sdf": "holds 14 molecules",
    "real/7ZTL_bicine.sdf": ("C6NO4", 0),
    "real/1of6_8_ligands.sdf": "holds 8 molecules",
    "derived/whitespace.sdf": "holds 0 molecules",
    "derived/truncated_atoms.sdf": "RDKit cannot read 'truncated_atoms.sdf'",
    "derived/no_dollar.sdf": ("C23N3O6S", 0),
    "derived/crlf.sdf": ("C23N3O6S", 0),
    "derived/nan_coord.sdf": "Line 5 of 'nan_coord.sdf' has '       nan' as its x",
    "derived/unknown_element.sdf": "RDKit cannot read 'unknown_element.sdf'",
    "derived/two_d.sdf": "'two_d.sdf' is a flat drawing",
    "derived/duplicate_atoms.sdf": "Atoms 0 and 1 of 'duplicate_atoms.sdf' are 0.000 Å apart",
    "derived/wrong_count.sdf": "RDKit cannot read 'wrong_count.sdf'",
    "derived/latin1_title.sdf": ("C23N3O6S", 0),
    "derived/utf8_bom.sdf": ("C23N3O6S", 0),
    "derived/html_error.sdf": "RDKit cannot read 'html_error.sdf'",
    "derived/zero_coords.sdf": "Atoms 0 and 1 of 'zero_coords.sdf' are 0.000 Å apart",
    "derived/methyl_radical.sdf": ("CH3", 0),
    "derived/tetramethylammonium.sdf": ("C4H12N", 1),
    "derived/glycine_zwitterion.sdf": ("C2H5NO2", 0),
    "derived/dihydrogen.sdf": ("H2", 0),
    "derived/helium.sdf": ("He", 0),
    "derived/methyl_iodide.sdf": ("CH3I", 0),
    "derived/dimethyl_selenide.sdf": ("C2H6Se", 0),
    "derived/methylboronic_acid.sdf": ("CH5BO2", 0),
    "derived/hypervalent_SP.sdf": ("H3O7PS", 0),
    "derived/triplet_oxygen.sdf": ("O2", 0),
    "derived/nitric_oxide_radical.sdf": ("NO", 0),
    "derived/hexacontane_182_atoms.sdf": ("C60H122", 0),
    "derived/maltotriose.sdf": ("C18H32O16", 0),
    "derived/iron_atom.sdf": ("Fe", 0),
    "derived/helix_ala30_peptide.sdf": ("C90H152N30O31", 0),
    "real/rdkit_Canion.mol2": "The bonds and types of 'rdkit_Canion.mol2' leave an electron over",
    "real/rdkit_chargedAmidine.mol2": ("C9H11N2", 1),
    "real/rdkit_Sulfonate.mol2": ("CH3O3S", -1),
    "real/rdkit_benzene.mol2": ("C6H6", 0),
    "real/dummy_atoms.mol2": "Atom 0 of 'dummy_atoms.mol2' has atomic number 0",
}

# Formula and number of residues of what can be read, or what the error says.
MACROMOLECULES = {
    "real/a_structure.pdb": ("C5HNO2", 1),  # the model of the file, which ends after one residue
    "real/disordered.pdb": ("C26N10O10S", 6),
    "real/occupancy.pdb": ("C2N", 1),
    "real/2BEG_nmr_multimodel.pdb": ("C595H955N140O160S5", 130),
    "real/1LCD_nmr_dna_zn.pdb": ("C464H243N152NaO255P20S2", 123),
    "real/1A8O_mse.cif": ("C346N96O196S2Se4", 158),
    "real/header_only.pdb": "'header_only.pdb' holds no atoms; it begins with 'HEADER",
    "real/1pfe.cif.gz": ("C127ClN43O138P7S2", 99),
    "real/pdb1gdr_ca_only.ent": ("C105", 105),
    "real/5cvz_final.pdb": ("C664N184O208S5", 141),
    "real/4hhh_frag_insertion.pdb": ("C51N13O23S4", 13),
    "real/HEM.pdb": ("C34H32FeN4O4", 1),
    "real/rdkit_1ps3_zn.pdb": ("C20H4N8O8Zn", 5),
    "real/rdkit_2c92_hypervalentH.pdb": ("C51H84N17O18S", 14),
    "real/rdkit_2vnf_bindedHOH.pdb": ("C3H5NO2", 2),
    "derived/empty.pdb": "'empty.pdb' holds no atoms",
    "derived/nan_coord.pdb": "Line 1 of 'nan_coord.pdb' has '     nan' as its coordinate in columns 31-38",
    "derived/missing_element.pdb": ("C76N22O21Se", 14),
    "derived/blank_chain.pdb": ("C76N22O21Se", 14),
    "derived/truncated_line.pdb": "'truncated_line.pdb' ends within line 40, an atom's; the file is cut",
    "derived/hydrogens_only.pdb": ("H", 1),
    "derived/element_x.pdb": "The element of atom X of MSE 151 in chain A of 'element_x.pdb' is not known",
    "derived/deuterium.pdb": ("C11HN3O5Se", 3),
    "derived/altloc_sum1.pdb": ("C76N22O21Se", 14),
    "derived/zero_occupancy.pdb": ("C76N22O21Se", 14),
    "derived/tabs.pdb": "Line 1 of 'tabs.pdb' holds tabs",
    "derived/hybrid36.pdb": ("C3NO", 1),
}
CLASHES = {"real/a_structure.pdb": "Atoms 7 and 8 of 'a_structure.pdb' are 0.361 Å apart"}
READABLE = [
    file
    for file, expected in (MOLECULES | MACROMOLECULES).items()
    if isinstance(expected, tuple) and file not in CLASHES
]
NO_DENSITY = {
    "real/rdkit_CH.v3k.mol": "lacks the positions of 1 hydrogens",
    "real/7ZTL_bicine.sdf": "lacks the positions of 13 hydrogens",
    "derived/no_dollar.sdf": "lacks the positions of 27 hydrogens",
    "derived/crlf.sdf": "lacks the positions of 27 hydrogens",
    "derived/latin1_title.sdf": "lacks the positions of 27 hydrogens",
    "derived/utf8_bom.sdf": "lacks the positions of 27 hydrogens",
    "derived/iron_atom.sdf": "'iron_atom.sdf' holds Fe, whose unpaired electrons its source does not tell",
}


def test_every_odd_file_is_tested(shared_data):
    with (shared_data / "torture" / "manifest.csv").open() as manifest:
        assert {row["file"] for row in csv.DictReader(manifest)} == set(MOLECULES) | set(MACROMOLECULES)


@pytest.mark.parametrize("file", MOLECULES)
def test_odd_molecules_are_read_or_refused_with_a_reason(file, shared_data, capfd):
    path, expected = shared_data / "torture" / file, MOLECULES[file]
    if isinstance(expected, tuple):
        read = structure_from(path, charge="formal")
        assert (read.formula, read.charge) == expected
        assert np.ptp(read.positions, axis=0).any() == (len(read.numbers) > 1)
    else:
        with pytest.raises(FeaturizationError, match=expected):
            structure_from(path, charge="formal" if "electron" in expected else None)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("file", MACROMOLECULES)
def test_odd_macromolecules_are_read_or_refused_with_a_reason(file, shared_data, capfd):
    path, expected = shared_data / "torture" / file, MACROMOLECULES[file]
    if isinstance(expected, tuple):
        read = read_macromolecule(path)
        assert (read.formula, read.residues.max() + 1) == expected
        assert np.ptp(read.positions, axis=0).any() == (len(read.numbers) > 1)
        if file in CLASHES:
            with pytest.raises(FeaturizationError, match=CLASHES[file]):
                structure_from(path)
        else:
            assert structure_from(path).formula == read.formula
    else:
        with pytest.raises(FeaturizationError, match=expected):
            read_macromolecule(path)
    assert capfd.readouterr().err == ""


def test_what_is_odd_is_told(shared_data):
    """What the table of formulas does not show."""

    def read(file, **settings):
        return read_macromolecule(shared_data / "torture" / file, **settings)

    np.testing.assert_array_equal(read("real/occupancy.pdb").b_iso, [np.nan, 20.88, 19.01])
    assert read("real/occupancy.pdb").site_occupancy.tolist() == [1, 1, 0]
    assert read("derived/zero_occupancy.pdb").site_occupancy is None
    assert read("derived/altloc_sum1.pdb").site_occupancy.min() == 1, "0.6 and the 0.4 of the alternative"
    assert len(read("real/disordered.pdb").numbers) == 50 - 3  # the CZ, NH1 and NH2 of one arginine
    assert len(read("real/4hhh_frag_insertion.pdb").numbers) == 97 - 6
    assert len(read("real/1LCD_nmr_dna_zn.pdb", model=2).numbers) == 1122
    with pytest.raises(FeaturizationError, match=r"'1LCD_nmr_dna_zn.pdb' has 3 models; model=3 arrived"):
        read("real/1LCD_nmr_dna_zn.pdb", model=3)
    # what stands after the first model holds an atom under two residue numbers
    with pytest.raises(FeaturizationError, match=r"atom C of CYS 0 in chain A and atom C of CYS 3 in chain A are on"):
        read("real/a_structure.pdb", model=1)


@pytest.mark.parametrize("file", READABLE)
def test_odd_files_never_become_zeros(file, shared_data):
    path = shared_data / "torture" / file
    settings = {"box_width": 96.0, "voxel_width": 2.0, "charge": "formal"}
    occupied = OccupancyVoxel(**settings, oversampling=4).featurize([path])
    atoms = len(structure_from(path).numbers)
    assert 1 < occupied.sum() * 2.0**3 / atoms < 45  # Å³ for an atom
    if file in NO_DENSITY:
        with pytest.raises(FeaturizationError, match=NO_DENSITY[file]):
            DensityVoxel(**settings).featurize([path])
    elif file in MOLECULES and atoms < 60:
        assert DensityVoxel(**settings).featurize([path]).max() > 0
