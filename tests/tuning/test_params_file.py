from __future__ import annotations

import json

import pytest

from deepchem_density.curves.config import CurveConfig
from deepchem_density.tuning.params_file import read_params, read_provenance, write_params

PARAMS = {
    "learning_rate": 1e-3,
    "widths": (16, 32),
    "n_bins": None,
    "stem_widths": (),
    "pooling": "sum",
    "depth": 2,
    "b_iso": 20.0,
    "waters": False,
    "elements": ("H", "C"),
}


@pytest.fixture
def path(tmp_path):
    write_params(tmp_path / "new" / "best.json", PARAMS, {"rep": "atom", "error": 0.5})
    return tmp_path / "new" / "best.json"


def changed(path, **params):
    content = json.loads(path.read_text())
    content["params"] |= params
    path.write_text(json.dumps(content))
    return path


def test_what_is_written_is_read_with_its_types(path):
    found = read_params(path)
    assert found == PARAMS
    assert CurveConfig(**found).widths == (16, 32)
    assert {name: type(value) for name, value in found.items()} == {n: type(v) for n, v in PARAMS.items()}
    assert read_provenance(path) == {"rep": "atom", "error": 0.5}


def test_whole_numbers_stand_for_numbers(path):
    assert read_params(changed(path, learning_rate=1))["learning_rate"] == 1.0


def test_parameters_of_another_representation_are_refused_where_one_is_asked_for(path):
    assert read_params(path, rep="atom") == PARAMS
    with pytest.raises(ValueError, match="tuned for rep='atom', rep='density' was asked for"):
        read_params(path, rep="density")


def test_unknown_settings_are_named(path):
    with pytest.raises(ValueError, match="holds colour, flavour, which is no setting"):
        read_params(changed(path, flavour=1, colour=2))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("depth", 1.5),
        ("depth", "1"),
        ("depth", True),
        ("depth", None),
        ("learning_rate", "0.1"),
        ("learning_rate", True),
        ("widths", 16),
        ("widths", ["16"]),
        ("widths", "16"),
        ("pooling", 3),
        ("n_bins", "auto"),
        ("b_iso", []),
        ("waters", 1),
    ],
)
def test_wrong_types_are_named_with_value_and_what_is_accepted(path, name, value):
    with pytest.raises(ValueError, match=rf"has {name}=.*is accepted"):
        read_params(changed(path, **{name: value}))


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"format": "other", "params": {}, "provenance": {}}'])
def test_other_files_are_refused(path, content):
    path.write_text(content)
    with pytest.raises(ValueError, match=r"cannot be read as json|is not a file of"):
        read_params(path)


def test_half_a_file_is_refused(path):
    path.write_text(json.dumps({"format": json.loads(path.read_text())["format"], "params": []}))
    with pytest.raises(ValueError, match="lacks its params or its provenance"):
        read_params(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file '.*best\.json'"):
        read_params(tmp_path / "best.json")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"depth"', '"b_iso": 1, "depth"', "the key 'b_iso' stands in it twice"),
        ('"depth": 2', f'"depth": {"9" * 400}', "has depth=9+; int is accepted"),
        ("0.001", "9" * 400, "has learning_rate=9+; float is accepted"),
    ],
)
def test_what_means_two_things_or_is_no_number_of_a_machine_is_refused(path, old, new, message):
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        read_params(path)
