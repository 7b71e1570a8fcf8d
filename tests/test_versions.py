from __future__ import annotations

import numpy as np

from deepchem_density.versions import PACKAGES, __version__, installed_versions


def test_versions_are_those_installed():
    found = installed_versions()
    assert tuple(found) == PACKAGES
    assert found["numpy"] == np.__version__
    assert found["deepchem-density"] == __version__
    assert list(installed_versions(["numpy"])) == ["numpy"]
