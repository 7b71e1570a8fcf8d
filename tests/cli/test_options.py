from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from deepchem_density.cli.options import (
    Parser,
    add_settings,
    asked_for,
    config_from,
    parsed_setting,
    settings_by_heading,
)
from deepchem_density.curves.config import COMPLEX_DEFAULTS, CurveConfig
from deepchem_density.curves.settings import CurveSettings


def config(*arguments, tuned=None):
    parser = Parser()
    add_settings(parser, CurveSettings)
    return config_from(asked_for(parser.parse_args(arguments)), tuned)


def test_defaults_are_those_of_the_configuration():
    assert config() == CurveConfig()


def test_every_setting_stands_once_below_one_heading():
    headings = dict(settings_by_heading(CurveSettings))
    assert list(headings)[:6] == ["Input", "Columns", "Data", "Sizes and repetitions", "Training", "Network"]
    names = [name for settings in headings.values() for name in settings]
    assert sorted(names) == sorted(field.name for field in dataclasses.fields(CurveSettings))


def test_help_shows_choices_units_and_defaults_where_there_are_some():
    parser = Parser()
    add_settings(parser, CurveSettings)
    shown = " ".join(parser.format_help().split())
    assert "--transform {none,sqrt,log}" in shown
    assert "edge of a voxel, in Å (default: 0.75; 1 for complexes)" in shown
    assert "learned together; a name with a comma in double quotes (default: gap; pK for complexes)" in shown
    assert "10 at the least (default: 100; none for molecules of your own; 0 for complexes)" in shown
    assert "B of all independent atoms; None takes the file's, in Å² (default: none; 20 for complexes)" in shown
    assert "(default: )" not in shown
    assert "default: None" not in shown


def test_complexes_have_defaults_of_their_own_that_yield_to_what_is_asked_for():
    asked = config("--dataset", "pdbbind", "--data-dir", "somewhere", "--box-width", "20", "--targets", "")
    expected = {
        **COMPLEX_DEFAULTS,
        "dataset": "pdbbind",
        "data_dir": str(Path("somewhere").absolute()),
        "box_width": 20.0,
    }
    assert asked == CurveConfig(**expected)
    asked.check()


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        (["--other", "True"], "other", True),
        (["--waters", "false"], "waters", False),
        (["--elements", "C,Cl"], "elements", ("C", "Cl")),
        (["--b-iso", "25"], "b_iso", 25.0),
        (["--b-iso", "none"], "b_iso", None),
        (["--n-bins", "0"], "n_bins", 0),
    ],
)
def test_options_are_read_in_their_own_types(arguments, field, value):
    assert getattr(config(*arguments), field) == value


def test_data_have_one_name_wherever_the_command_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config("--data-dir", "x.csv") == config("--data-dir", str(tmp_path / "x.csv"))


def test_an_option_without_value_is_an_option_that_was_not_given():
    assert config("--targets", "", "--steps=", "--b-iso=") == CurveConfig()


def test_epochs_take_the_place_of_steps():
    assert (config("--epochs", "5").epochs, config("--epochs", "5").steps) == (5, 0)
    with pytest.raises(ValueError, match="steps=7, epochs=5 arrived"):
        config("--epochs", "5", "--steps", "7").check()


def test_what_is_asked_for_wins_over_what_was_tuned_and_that_over_defaults():
    tuned = {"learning_rate": 1e-3, "widths": (8, 16), "dataset": "pdbbind", "data_dir": "x"}
    found = config("--learning-rate", "0.01", tuned=tuned)
    assert (found.learning_rate, found.widths) == (0.01, (8, 16))
    assert found.voxel_width == COMPLEX_DEFAULTS["voxel_width"]


@pytest.mark.parametrize(
    ("asked", "tuned", "expected"),
    [
        ((), {"epochs": 4}, (0, 4)),
        (("--steps", "9"), {"epochs": 4, "steps": 0}, (9, 0)),
        (("--epochs", "2"), {"steps": 50}, (0, 2)),
    ],
)
def test_the_length_of_a_training_is_asked_for_tuned_or_default_as_a_whole(asked, tuned, expected):
    found = config(*asked, tuned=tuned)
    assert (found.steps, found.epochs) == expected
    found.check()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("voxel_width", "0.5", 0.5), ("elements", "C N", ("C", "N")), ("other", "true", True), ("b_iso", "none", None)],
)
def test_settings_are_read_as_their_options_are(name, text, value):
    assert parsed_setting(name, text) == value


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("voxels", "1", "'voxels' arrived"),
        ("depth", "two", "depth: 'two' arrived; n is"),
        ("other", "1", r"true\|false"),
    ],
)
def test_settings_that_cannot_be_read_are_refused(name, text, message):
    with pytest.raises(ValueError, match=message):
        parsed_setting(name, text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("logp (Crippen)", ("logp (Crippen)",)),
        ('gap, mu,"a, ""b"""', ("gap", "mu", 'a, "b"')),
        ('5" pipe', ('5" pipe',)),
        ("ΔG [kcal/mol]", ("ΔG [kcal/mol]",)),
    ],
)
def test_names_of_labels_may_hold_anything(text, names):
    assert config("--targets", text).targets == names


def test_options_are_not_abbreviated(capsys):
    with pytest.raises(SystemExit):
        config("--voxel-wid", "0.5")
    assert "unrecognized arguments: --voxel-wid" in capsys.readouterr().err
