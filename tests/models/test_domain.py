from __future__ import annotations

import pytest

from deepchem_density.errors import FeaturizationError
from deepchem_density.models.domain import Domain
from deepchem_density.structures.readers import structure_from

QM9 = Domain(("H", "C", "N", "O", "F"), (2, 9))


@pytest.mark.parametrize("smiles", ["CC", "CCCCCCCCC", "FC(F)F", "NCC(=O)O"])
def test_a_molecule_like_those_of_training_passes(smiles):
    QM9.check(structure_from(smiles))


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        (
            "CCl",
            r"'CCl' has Cl; the model was trained on molecules of H, C, N, O, F with 2 to 9 heavy atoms and charge 0",
        ),
        ("CCCCCCCCCC", "has 10 heavy atoms; the model"),
        ("C", "has 1 heavy atom; the model"),
        ("CC(=O)[O-]", r"has the charge -1; the model .*leave it out, or train a model on molecules like it"),
        ("BrCCCCCCCCCS", "has Br, S and 11 heavy atoms; the model"),
    ],
)
def test_another_is_refused_with_what_was_never_shown(smiles, message):
    with pytest.raises(FeaturizationError, match=message):
        QM9.check(structure_from(smiles))


def test_what_is_written_is_read():
    assert Domain.from_dict(QM9.to_dict()) == QM9


@pytest.mark.parametrize(
    "wrong",
    [
        *(((), (1, 9)), (("C", 6), (1, 9)), (("C",), (9, 1)), (("C",), (1, "9")), (("C",), (9,))),
        *((("C",), (1, 9), ()), (("C",), (1, 9), (0.5,))),
    ],
)
def test_what_is_no_domain_is_refused(wrong):
    with pytest.raises(ValueError, match="symbols, the least and the most heavy atoms and whole numbers are accepted"):
        Domain(*wrong)
