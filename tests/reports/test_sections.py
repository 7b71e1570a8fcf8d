from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from made_up_cells import SEEDS, SIZES, curve

from deepchem_density.curves.config import CurveConfig
from deepchem_density.reports.digits import p_value, significant, with_interval
from deepchem_density.reports.markup import Table
from deepchem_density.reports.results import (
    comparison_table,
    cost_table,
    curve_table,
    efficiency_table,
    part_table,
    power_law_table,
    rows_of,
    size_table,
)
from deepchem_density.reports.sections import ONE_SEED, comparison_sections
from deepchem_density.reports.training_table import training_table
from deepchem_density.reports.uncertainty import uncertainty_table

EV = 27.211386245988
CONFIGS = [CurveConfig(rep="atom", seeds=SEEDS), CurveConfig(rep="density", seeds=SEEDS)]
PICTURES = {name: Path(f"{name}.png") for name in ("learning_curve", "error_by_size", "parity")}


def sections_of(configs, cells):
    tables = {
        "errors": curve_table(rows_of(cells)),
        "tests": comparison_table(cells, "mae"),
        "power_laws": power_law_table(cells, "mae"),
        "efficiency": efficiency_table(cells, "mae", "atom"),
        "parts": part_table(cells),
        "training": training_table(cells),
        "uncertainty": uncertainty_table([]),
        "sizes": size_table(cells, "mae"),
        "costs": cost_table(cells, {"atom": 0.001}),
    }
    return {section.heading: section for section in comparison_sections(configs, tables, PICTURES, "atom")}, tables


@pytest.fixture(scope="module")
def made():
    return sections_of(CONFIGS, [*curve("atom"), *curve("density", scale=0.5)])


def test_numbers_in_the_sections_are_those_of_the_tables(made):
    sections, tables = made
    (table,) = sections["Tests"].parts
    for line, row in zip(table.lines, tables["tests"].itertuples(), strict=True):
        expected = with_interval(EV * row.difference, EV * row.low, EV * row.high)
        assert line[:3] == ["atom types − electron density", str(row.n_train), expected]
        assert line[4:6] == [p_value(row.p), p_value(row.p_holm)]
    assert table.header[:3] == ["gap: first − second", "training molecules", "difference (eV)"]
    errors = sections["Learning curves"].parts[1]
    assert errors.header[0] == "gap, mean absolute error (eV)"
    first = tables["errors"].iloc[0]
    assert errors.lines[0][1] == with_interval(EV * first.mae, EV * first.mae_low, EV * first.mae_high)
    (laws,) = sections["Power laws"].parts
    for line, row in zip(laws.lines, tables["power_laws"].itertuples(), strict=True):
        assert line[3] == with_interval(row.exponent, row.exponent_low, row.exponent_high)
        assert line[2] == significant(EV * row.factor, 2)


def test_what_is_not_known_is_a_dash_and_what_lies_outside_a_bound(made):
    sections, _ = made
    (costs,) = sections["Cost"].parts
    assert [line[3] for line in costs.lines] == ["1.0", "–"]
    (efficiency,) = sections["Data efficiency"].parts
    assert efficiency.lines[0][-1] == "> 1.0"


def test_parts_of_the_test_set_have_tables_of_their_own(made):
    assert "Parts of the test set" not in made[0]
    cells = curve("atom")
    for number, cell in enumerate(cells):
        cell.part_rows.extend({**row, "part": "casf2016", "n_test": 285, "mae": number} for row in cell.rows)
    sections, tables = sections_of(CONFIGS[:1], cells)
    (table,) = sections["Parts of the test set"].parts
    assert table.header[:2] == ["casf2016 (285): gap, mean absolute error (eV)", f"{SIZES[0]} molecules"]
    assert [line[0] for line in table.lines] == ["atom types", "constant"]
    rows = list(tables["parts"].itertuples())[: len(SIZES)]
    assert [row.mae for row in rows] == np.arange(len(cells)).reshape(len(SIZES), len(SEEDS)).mean(axis=1).tolist()
    assert table.lines[0][1:] == [with_interval(EV * row.mae, EV * row.mae_low, EV * row.mae_high) for row in rows]
    assert tables["parts"]["n_test"].tolist() == [285] * 2 * len(SIZES)


def test_settings_are_listed_once_where_they_are_shared(made):
    sections, _ = made
    shared, where = sections["Settings"].paragraphs
    assert "steps=240" in shared
    assert "seeds=0 1 2" in shared
    assert "torch" in where
    (table,) = sections["Settings"].parts
    assert (table.header, table.lines) == (["model", "rep"], [["atom types", "atom"], ["electron density", "density"]])


def test_one_seed_is_said_to_be_one(made):
    configs = [dataclasses.replace(config, seeds=(0,)) for config in CONFIGS]
    cells = [cell for label in ("atom", "density") for cell in curve(label) if cell.rows[0]["seed"] == 0]
    sections, _ = sections_of(configs, cells)
    assert ONE_SEED in sections["Tests"].paragraphs[0]
    assert ONE_SEED not in made[0]["Tests"].paragraphs[0]
    (table,) = sections["Tests"].parts
    assert {line[-1] for line in table.lines} == {"–"}


def test_complexes_are_not_called_molecules():
    configs = [dataclasses.replace(config, dataset="complexes", data_dir="x") for config in CONFIGS]
    sections, _ = sections_of(configs, [*curve("atom"), *curve("density", scale=0.5)])
    for section in sections.values():
        if section.heading != "Settings":
            heads = [head for part in section.parts if isinstance(part, Table) for head in part.header]
            words = " ".join([*section.paragraphs, *heads])
            assert "molecule" not in words, section.heading
    assert "800 complexes" in sections["Data efficiency"].parts[0].header
