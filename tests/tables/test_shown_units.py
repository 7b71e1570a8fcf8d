from __future__ import annotations

import pytest
from scipy import constants

from deepchem_density.tables.shown_units import shown_factor, shown_unit


def test_hartree_are_shown_as_electron_volts_and_other_units_as_they_are():
    assert (shown_unit("hartree"), shown_unit("debye"), shown_unit("")) == ("eV", "debye", "")
    assert shown_factor("hartree") == pytest.approx(constants.value("Hartree energy in eV"), rel=1e-9)
    assert shown_factor("debye") == 1
