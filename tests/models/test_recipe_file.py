from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from rdkit import Chem

from deepchem_density.errors import FeaturizationError
from deepchem_density.models.domain import Domain
from deepchem_density.models.recipe_file import ModelRecipe
from deepchem_density.tables.composition import CompositionLine
from deepchem_density.versions import __version__
from deepchem_density.voxels.recipe import ACCEPTED_VERSIONS, FEATURE_VERSION, Recipe
from deepchem_density.voxels.solver_line import SolverLine

ABOUT = ModelRecipe(Recipe("atom", elements=("H", "C"), other=False, voxel_width=1.0), ("mu", "gap"), {"mu": "debye"})

COMPOSITION = CompositionLine((1, 6), np.ones((2, 2)), np.zeros(2))


def changed(tmp_path, **content):
    path = ABOUT.write(tmp_path)
    about = json.loads(path.read_text()) | content
    path.write_text(json.dumps({name: value for name, value in about.items() if value is not None}))
    return path


def test_what_is_written_is_read(tmp_path):
    assert ModelRecipe.read(ABOUT.write(tmp_path)) == ABOUT


def test_a_line_of_another_number_of_targets_is_refused(tmp_path):
    composition = {"elements": [6], "slopes": [[1.0]], "intercept": [0.5]}
    with pytest.raises(ValueError, match="a line for 1 targets, not 2"):
        ModelRecipe.read(changed(tmp_path, composition=composition))


@pytest.mark.parametrize("line", [None, COMPOSITION, SolverLine(COMPOSITION, np.ones((4, 2)))])
def test_the_line_comes_back(tmp_path, line):
    about = dataclasses.replace(ABOUT, line=line)
    found = ModelRecipe.read(about.write(tmp_path)).line
    assert type(found) is type(line)
    if line is not None:
        assert found.to_dict() == line.to_dict()


@pytest.mark.parametrize("version", [min(ACCEPTED_VERSIONS) - 1, FEATURE_VERSION + 1, None, str(FEATURE_VERSION)])
def test_another_version_of_voxels_is_refused_with_both_versions(tmp_path, version):
    path = changed(tmp_path, feature_version=version, package_version="9.8.7")
    with pytest.raises(
        ValueError, match=f"version {version} by release 9.8.7.*{__version__}.*version {FEATURE_VERSION}"
    ):
        ModelRecipe.read(path)


def test_another_number_of_channels_is_refused_with_both_numbers(tmp_path):
    with pytest.raises(ValueError, match=r"5 channels, its recipe gives 2 \(H, C\)"):
        ModelRecipe.read(changed(tmp_path, n_channels=5))


@pytest.mark.parametrize(
    "recipe", [{"representation": "orbital"}, {"representation": "atom", "colour": 1}, {}, None, ["atom"]]
)
def test_voxels_that_this_release_does_not_know_are_refused(tmp_path, recipe):
    with pytest.raises(ValueError, match=f"does not describe voxels of this release.*{__version__}"):
        ModelRecipe.read(changed(tmp_path, recipe=recipe))


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "[" * 200_000, " " * (2 << 20)])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "recipe.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"recipe\.json' (cannot be read|is nested too deeply|has 2,097,152 bytes)"):
        ModelRecipe.read(path)


@pytest.mark.parametrize("targets", ["mu", [], [1, 2], ["mu", "mu"], ["mu", ""], [["mu"], "gap"], {"mu": 1}])
def test_targets_that_are_no_names_are_refused(tmp_path, targets):
    with pytest.raises(ValueError, match=r"recipe\.json' does not describe voxels .*targets"):
        ModelRecipe.read(changed(tmp_path, targets=targets))


def test_molecules_outside_the_domain_are_refused_before_they_are_solved(tmp_path, monkeypatch):
    domain = Domain(("H", "C"), (1, 3))
    monkeypatch.setattr("deepchem_density.models.recipe_file.solve_molecule", None)
    line = SolverLine(COMPOSITION, np.ones((4, 2)))
    found = ModelRecipe.read(dataclasses.replace(ABOUT, domain=domain, line=line).write(tmp_path))
    assert found.domain == domain
    with pytest.raises(FeaturizationError, match=r"'CC\[CH2-\]' has the charge -1; the model was trained on"):
        found.voxels_and_line("CC[CH2-]")
    monkeypatch.setattr("deepchem_density.structures.readers.embedded", None)
    for molecule in ("CCCC", Chem.MolFromSmiles("CCCC")):  # before they have a conformer
        with pytest.raises(FeaturizationError, match="'CCCC' has 4 heavy atoms; the model was trained on"):
            found.voxels_and_line(molecule)
    with pytest.raises(FeaturizationError, match=r"'\*CO' has .*O"):
        found.voxels_and_line("*CO")


@pytest.mark.parametrize("domain", [3, {"elements": ["C"]}, {"elements": [], "heavy_atoms": [1, 3], "charges": [0]}])
def test_a_domain_that_is_none_is_refused(tmp_path, domain):
    with pytest.raises(ValueError, match=r"recipe\.json' does not describe voxels of this release"):
        ModelRecipe.read(changed(tmp_path, domain=domain))
