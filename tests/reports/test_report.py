from __future__ import annotations

import dataclasses
import re

import pandas as pd
import pytest
from html_reader import Reader
from made_up_cells import ROWS, SEEDS, SIZES, curve
from matplotlib.image import imread

from deepchem_density.curves.config import CurveConfig
from deepchem_density.reports.report import (
    about_baselines,
    comparison_folder,
    errors_in_markdown,
    where_tested,
    write_comparison_report,
)
from deepchem_density.reports.results import curve_table

CONFIGS = [CurveConfig(rep="atom", seeds=SEEDS), CurveConfig(rep="density", d_min=2.0, seeds=SEEDS)]
FILES = {
    *(
        "report.md",
        "report.html",
        "errors.csv",
        "uncertainty.csv",
        "tests.csv",
        "power_laws.csv",
        "efficiency.csv",
        "sizes.csv",
        "costs.csv",
    ),
    *("learning_curve.png", "error_by_size.png", "parity.png", "uncertainty.png"),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    curves = [curve("atom"), curve("density (d_min=2.0)", scale=0.5)]
    seconds = {"atom": 0.001, "density (d_min=2.0)": 0.02}
    return out, write_comparison_report(CONFIGS, curves, seconds, out)


def test_the_markdown_has_a_line_per_model_and_a_column_per_size():
    lines = errors_in_markdown(curve_table(ROWS)).splitlines()
    assert lines[0] == "gap: mean absolute error on the test set, eV"
    assert lines[2] == "| model | 100 molecules | 400 molecules |"
    assert lines[5] == "| electron density | 0.57 ± 0.04 | 0.30 ± 0.04 |"


def test_a_table_says_on_what_it_was_tested():
    rows = [{"model": "network", "label": label, "n_test": 50} for label in ("atom", "density")]
    assert where_tested(rows) == "Tested on 50 molecules."
    rows[1]["n_test"] = 48
    assert "different molecules" in where_tested(rows)
    assert "atom types 50, electron density 48" in where_tested(rows)
    assert where_tested([{"model": "network", "label": "atom", "n_test": 9}], "complexes") == "Tested on 9 complexes."


def test_it_says_of_baselines_what_they_know_nothing_of():
    rows = [{"model": "network", "n_test": 50}, {"model": "xTB numbers and element counts", "n_test": 50}]
    assert about_baselines(CurveConfig(), rows) == ""
    rows[1]["n_test"] = 48
    assert about_baselines(CurveConfig(), rows).startswith("'xTB numbers and element counts' is tested on 48 molecules")
    complexes = CurveConfig(dataset="complexes", data_dir="there")
    assert about_baselines(complexes, rows[:1]).startswith("The baseline 'xtb' is left out: complexes are not solved")


def test_a_single_seed_has_no_spread():
    assert "±" not in errors_in_markdown(curve_table([r for r in ROWS if r["seed"] == 0]))


def test_everything_is_in_one_folder_and_nothing_else(written):
    out, files = written
    folder = comparison_folder(CONFIGS, out)
    assert {path.name for path in files} == FILES == {path.name for path in folder.iterdir()}
    assert {path.parent for path in files} == {folder}
    assert [path.name for path in files[:2]] == ["report.md", "report.html"]


def test_another_comparison_has_another_folder(tmp_path):
    other = [CONFIGS[0], dataclasses.replace(CONFIGS[1], d_min=3.0)]
    assert comparison_folder(CONFIGS, tmp_path) != comparison_folder(other, tmp_path)
    assert comparison_folder(CONFIGS, tmp_path) == comparison_folder(list(CONFIGS), tmp_path)


def test_the_report_has_every_part(written):
    text = written[1][0].read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == [
        *("Learning curves", "Tests", "Power laws", "Data efficiency", "Errors by size", "Parity", "Uncertainty"),
        *("Cost", "Settings"),
    ]
    for picture in re.findall(r"!\[.*\]\((.*)\)", text):
        assert imread(written[1][0].parent / picture).shape[0] > 300
    for n in SIZES:
        assert re.search(
            rf"^\| atom types − electron density \(d\\_min=2\.0\) \| {n} \| [01]\.\d+ \(", text, re.MULTILINE
        )
    assert re.search(r"\| electron density \(d\\_min=2\.0\) \| gap \(eV\) \| \S+ \| 0\.(49|50|51)", text)
    assert "\\> 2" in text


def test_the_html_says_what_the_markdown_says(written):
    read = Reader(written[1][1].read_text(encoding="utf-8"))
    assert read.open == []
    assert len(read.of("img")) == 4
    words = " ".join(" ".join(read.texts).split())
    for heading in ("Learning curves", "Tests", "Data efficiency", "Settings"):
        assert heading in words
    table = pd.read_csv(written[1][0].parent / "power_laws.csv")
    for exponent in table.exponent:
        assert f"{exponent:.2f}" in words


def test_affinities_are_compared_by_root_mean_square_error(tmp_path):
    configs = [dataclasses.replace(c, dataset="pdbbind", data_dir="x", targets=("gap",)) for c in CONFIGS]
    curves = [curve("atom"), curve("density (d_min=2.0)", scale=0.5)]
    labels = {config.label: 0.1 for config in configs}
    text = write_comparison_report(configs, curves, labels, tmp_path)[0].read_text(encoding="utf-8")
    assert "root mean square error on the test set" in text
    assert "Differences in mean squared error" in text
    assert "difference (eV²)" in text
    assert "gap, Pearson correlation" in text


def test_one_representation_with_one_seed_and_size_makes_a_report_too(tmp_path):
    cells = [cell for cell in curve("density") if (cell.rows[0]["n_train"], cell.rows[0]["seed"]) == (100, 0)]
    config = CurveConfig(rep="density", seeds=(0,))
    files = write_comparison_report([config], [cells], {"density": float("nan")}, tmp_path)
    assert "tests.csv" not in {path.name for path in files}
    assert "nothing to compare" in files[0].read_text(encoding="utf-8")
