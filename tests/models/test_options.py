from __future__ import annotations

import pytest
from blobs import model

from deepchem_density.models.options import make_loss
from deepchem_density.quiet import deepchem as dc


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": ()}, "stages=0 arrived"),
        ({"widths": (8, 0)}, r"widths\[1\]=0 arrived"),
        ({"n_tasks": 0}, "n_tasks=0 arrived"),
        ({"dropout": 1.0}, "dropout=1.0 arrived"),
        ({"pooling": "max"}, "pooling='max' arrived"),
        ({"mode": "ranking"}, "mode"),
        ({"n_classes": 1, "mode": "classification"}, "n_classes"),
        ({"loss": "l3"}, "loss of regression='l3' arrived"),
        ({"loss": "l1", "mode": "classification"}, "loss of classification='l1' arrived"),
        ({"schedule": "cosine"}, "schedule='cosine' arrived"),
        ({"autocast": "fp8"}, "autocast='fp8' arrived"),
        ({"batch_size": 0}, "batch_size=0 arrived"),
        ({"clip_norm": 0.0}, "clip_norm=0.0 arrived"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        model(**options)


def test_misspelt_options_are_refused():
    with pytest.raises(TypeError, match="Unknown argument widhts"):
        model(widhts=(4,))


@pytest.mark.parametrize(
    ("mode", "loss", "expected"),
    [
        ("regression", None, dc.models.losses.L1Loss),
        ("regression", "huber", dc.models.losses.HuberLoss),
        ("classification", None, dc.models.losses.SparseSoftmaxCrossEntropy),
    ],
)
def test_losses_are_deepchems(mode, loss, expected):
    assert type(make_loss(mode, loss)) is expected
