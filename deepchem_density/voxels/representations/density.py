"""Electron density, and the length of its gradient."""

from __future__ import annotations

from deepchem_density import fields
from deepchem_density.voxels.representations.record import Representation, names_in
from deepchem_density.voxels.settings import DensitySettings, MapSettings, TransformSettings

__all__ = ["RECORDS"]

_SETTINGS = names_in(TransformSettings, DensitySettings, MapSettings)

DENSITY = Representation(
    name="density",
    words="electron density",
    field=lambda subject: subject.density,
    settings=_SETTINGS,
    color="#D55E00",
    unit="e/Å³, or σ of a map",
    channels=lambda _: ("density",),
    transformed=True,
)

GRADIENT = Representation(
    name="gradient",
    words="density gradient",
    field=lambda subject: fields.GradientMagnitude(subject.density),
    settings=_SETTINGS,
    color="#009E73",
    unit="e/Å⁴, or σ/Å of a map",
    channels=lambda _: ("gradient",),
    transformed=True,
)

RECORDS = (DENSITY, GRADIENT)
