from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchem_density.tables.label_names import metric_names


def test_usual_labels_are_their_own_names() -> None:
    labels = ["gap", "u0_atom", "pK", "measured log solubility in mols per litre", "p_np", "NR-AhR"]
    assert metric_names(labels) == {label: label for label in labels}


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("logD@7.4", "logD-7.4"),
        ("pIC50(nM)", "pIC50-nM"),
        ("inhibition %", "inhibition"),
        ("logS (mol/L)", "logS -mol-L"),
    ],
)
def test_other_letters_become_hyphens(label: str, name: str) -> None:
    assert metric_names([label]) == {label: name}


def test_labels_that_would_share_a_name_do_not() -> None:
    names = metric_names(["a@b", "a%b", "a-b"])
    assert names["a-b"] == "a-b"
    assert len(set(names.values())) == 3
    assert all(name.startswith("a-b") for name in names.values())
    assert metric_names(["ΔΔ"])["ΔΔ"].startswith("label-")


@given(st.lists(st.text(max_size=300), max_size=5, unique=True))
def test_mlflow_and_file_systems_take_every_name(labels: list[str]) -> None:
    validation = pytest.importorskip("mlflow.utils.validation")
    names = metric_names(labels)
    assert list(names) == labels
    assert len(set(names.values())) == len(labels)
    for name in names.values():
        validation._validate_metric_name(f"{name}.network.mae")
        assert 0 < len(name) <= 120
        assert name.strip("./\\ ") == name
