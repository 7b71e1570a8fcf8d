from __future__ import annotations

import pandas as pd
import pytest

from deepchem_density.reports.shown import in_words, of_unit, shown_table, titled

EV = 27.211386245988


def test_inputs_are_called_by_their_words_and_other_models_by_their_names():
    assert in_words("atom") == "atom types"
    assert in_words("density+gradient (d_min=2.0)") == "electron density + density gradient (d_min=2.0)"
    assert in_words("linear in element counts") == "linear in element counts"
    assert in_words("atom (sigma=0.6, remove_composition=True)") == "atom types (sigma=0.6, baseline=composition)"


def test_units_stand_behind_labels_and_those_of_squares_are_squared():
    assert (titled("gap", "hartree"), titled("y", "")) == ("gap (eV)", "y")
    assert (of_unit("hartree"), of_unit("hartree", squared=True), of_unit("")) == (" (eV)", " (eV²)", "")
    assert of_unit("-log10(M)", squared=True) == " ((-log10(M))²)"


@pytest.mark.parametrize("power", [1, 2])
def test_only_numbers_in_the_unit_of_the_label_are_converted(power):
    table = pd.DataFrame({"unit": ["hartree", "debye"], "difference": [1.0, 1.0], "low": [0.5, 0.5], "p": [0.1, 0.1]})
    shown = shown_table(table, "tests", squared=power == 2)
    assert shown.difference.tolist() == pytest.approx([EV**power, 1.0])
    assert shown.low.tolist() == pytest.approx([0.5 * EV**power, 0.5])
    assert shown.p.tolist() == [0.1, 0.1]
    assert table.difference.tolist() == [1.0, 1.0]
    assert shown_table(pd.DataFrame(), "tests").empty
