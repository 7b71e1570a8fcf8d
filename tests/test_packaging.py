"""What other files repeat of pyproject.toml is the same there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import deepchem_density

ROOT = Path(__file__).parents[1]
NAMES_IN_CONDA = {"torch": "pytorch", "xtb": "xtb-python", "tblite": "tblite-python", "matplotlib": "matplotlib-base"}

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no tomllib")


def ranges(requirements):
    """Return name -> range of requirements such as "numpy>=1.26,<3" or "numpy >=1.26,<3"."""
    return dict(re.fullmatch(r"([A-Za-z0-9-]+) *(.*)", one).groups() for one in requirements)


@pytest.fixture
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def recipe():
    return yaml.safe_load((ROOT / "packaging" / "conda" / "recipe.yaml").read_text(encoding="utf-8"))


def test_the_version_is_the_same_everywhere(project, recipe):
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"]
    assert project["version"] == deepchem_density.__version__ == cited == recipe["context"]["version"]


def test_the_conda_recipe_asks_for_the_same_ranges(project, recipe):
    here = {NAMES_IN_CONDA.get(name, name): needed for name, needed in ranges(project["dependencies"]).items()}
    there = ranges(one for one in recipe["requirements"]["run"] if not one.startswith("python "))
    assert there == here
    assert f"python >=${{{{ python_min }}}},{project['requires-python'].split(',')[1]}" in recipe["requirements"]["run"]


def test_optional_packages_have_the_same_ranges_in_conda(project, recipe):
    extras = project["optional-dependencies"]
    here = ranges(one for name in ("tblite", "mlflow", "tune") for one in extras[name])
    there = ranges(recipe["requirements"]["run_constraints"])
    assert there == {NAMES_IN_CONDA.get(name, name): needed for name, needed in here.items()}
