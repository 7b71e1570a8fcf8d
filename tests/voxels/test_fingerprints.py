from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from complex_files import write_complex

from deepchem_density.fields.maps import GriddedDensity
from deepchem_density.structures.readers import structure_from
from deepchem_density.structures.structure import Structure
from deepchem_density.voxels.datapoints import Complex
from deepchem_density.voxels.fingerprints import fingerprint


def test_a_fingerprint_is_that_of_the_content(tmp_path):
    files = write_complex(tmp_path / "first", "1abc")
    copies = write_complex(tmp_path, "1abc")
    assert fingerprint(files) == fingerprint(copies)
    Path(copies[1]).write_text(Path(copies[1]).read_text().replace("GLY", "ALA"))
    assert fingerprint(files) != fingerprint(copies)
    structure = structure_from(files[0])
    moved = Structure(structure.numbers, structure.positions + 1e-9)
    assert fingerprint(structure) == fingerprint(structure_from(files[0]))
    assert fingerprint(structure) != fingerprint(moved)
    assert fingerprint("CCO") != fingerprint("CCN")


def test_a_fingerprint_of_a_map_is_that_of_its_values():
    def density_map(value):
        return GriddedDensity(np.full((4, 4, 4), value), np.zeros(3), np.eye(3), periodic=True)

    assert fingerprint(("CCO", None, density_map(1.0))) == fingerprint(("CCO", None, density_map(1.0)))
    assert fingerprint(("CCO", None, density_map(1.0))) != fingerprint(("CCO", None, density_map(2.0)))
    whole = Complex(structure_from("CCO"), None, density_map(1.0))
    assert fingerprint(whole) == fingerprint((structure_from("CCO"), None, density_map(1.0)))
    with pytest.raises(TypeError, match="set has no content"):
        fingerprint(("CCO", {1}))
