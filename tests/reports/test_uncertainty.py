from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from made_up_cells import curve

from deepchem_density.curves.calibrated import calibrate
from deepchem_density.curves.config import CurveConfig
from deepchem_density.reports.markup import markdown_section
from deepchem_density.reports.uncertainty import uncertainty_figure, uncertainty_section, uncertainty_table

CONFIG = CurveConfig(rep="density", targets=("gap", "mu"), seeds=(0, 1, 2))
EV = 27.211386245988


@pytest.fixture(scope="module")
def ensembles():
    cells = {label: curve(label, targets=("gap", "mu"), n_test=600) for label in ("density", "atom")}
    return [calibrate(CONFIG, cells[label]) for label in cells]


def test_the_table_has_what_was_measured(ensembles):
    table = uncertainty_table(ensembles)
    assert table[["model", "target", "level"]].to_numpy().tolist() == [
        [model, target, level] for model in ("density", "atom") for target in ("gap", "mu") for level in ("68", "95")
    ]
    target, row = ensembles[0].targets[1], table.iloc[3]
    within = np.abs(target.errors) <= target.bounds[:, 1]
    assert (row.n, row.within, row.networks, row.nominal) == (600, within.sum(), 3, 0.9545)
    assert row.low < row.share == within.mean() < row.high
    assert row.median_bound == np.median(target.bounds[:, 1])
    order = np.argsort(target.bounds[:, 0], kind="stable")
    assert (row.narrow, row.wide) == (within[order[:200]].mean(), within[order[400:]].mean())


def test_the_section_says_it_in_the_units_of_chemists(ensembles):
    table = uncertainty_table(ensembles)
    section = uncertainty_section(table, Path("uncertainty.png"), "complexes")
    assert section.parts[0].lines[0][:4] == ["electron density", "gap (eV)", "3", "68 %"]
    assert float(section.parts[0].lines[0][4]) == pytest.approx(EV * table.iloc[0].median_bound, rel=0.01)
    assert section.parts[0].lines[0][6] == f"{table.share[0]:.1%} ({table.low[0]:.1%} to {table.high[0]:.1%})"
    assert "calibrated on complexes" in section.paragraphs[0]
    assert "Not all shares" not in section.paragraphs[0]
    assert "](uncertainty.png)" in markdown_section(section)


def test_a_share_that_misses_its_level_is_named(ensembles):
    narrow = dataclasses.replace(ensembles[0].targets[0], bounds=0.1 * ensembles[0].targets[0].bounds)
    table = uncertainty_table([dataclasses.replace(ensembles[0], targets=(narrow,))])
    text = uncertainty_section(table, Path("u.png")).paragraphs[0]
    assert (
        "Not all shares agree with their level: gap of electron density at 68 %, gap of electron density at 95 %."
        in text
    )


def test_the_figure_shows_shares_in_fifths_and_every_error(ensembles):
    figure = uncertainty_figure(ensembles)
    assert len(figure.axes) == 8
    shares, errors = figure.axes[:2]
    target = ensembles[0].targets[0]
    assert shares.get_title() == "gap (eV): electron density"
    fifths = np.array_split(np.argsort(target.bounds[:, 0], kind="stable"), 5)
    expected = [(np.abs(target.errors[some]) <= target.bounds[some, 0]).mean() for some in fifths]
    drawn = next(line for line in shares.lines if len(line.get_xdata()) == 5)
    np.testing.assert_allclose(drawn.get_ydata(), expected)
    (points,) = errors.collections
    np.testing.assert_allclose(points.get_offsets()[:, 1], EV * np.abs(target.errors))


def test_a_single_network_and_few_molecules_are_drawn_too(tmp_path):
    cells = [
        dataclasses.replace(one, ids=one.ids[:23], truth=one.truth[:23], predicted=one.predicted[:23])
        for one in curve("density", targets=("gap", "mu"))
        if one.rows[0]["seed"] == 0
    ]
    ensemble = calibrate(CONFIG, cells)
    uncertainty_figure([ensemble]).savefig(tmp_path / "one.png")
    table = uncertainty_table([ensemble])
    assert table.networks.tolist() == [1] * 4
    assert 0 < table.n[1] < 23  # of some molecules, 21 others tell a bound of 95 %
    json.dumps(uncertainty_section(table, tmp_path / "one.png").parts[0].lines)
