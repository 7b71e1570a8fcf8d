"""What is tuned: the same knobs with the same values for every representation, and one knob of its own for each.

All spaces have the same size. Batch size and length are no knobs: they are the budget, and the same for all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from deepchem_density.curves.config import CurveConfig

__all__ = ["Choice", "Knob", "Range", "Value", "describe", "first_point", "settings", "space"]

Value = str | float


@dataclass(frozen=True)
class Range:
    """A setting between two positive numbers, drawn on a logarithmic scale.

    Parameters
    ----------
    name : str
        Of the setting in `CurveConfig`.
    low, high : float
        Both may be drawn.
    """

    name: str
    low: float
    high: float

    @property
    def fields(self) -> tuple[str, ...]:
        """The settings that this knob turns."""
        return (self.name,)

    def settings(self, value: Value) -> dict[str, Any]:
        """Return the settings for a value."""
        return {self.name: float(value)}

    def value(self, config: CurveConfig) -> Value:
        """Return the value that a configuration has.

        Raises
        ------
        ValueError
            It is outside.
        """
        value = float(getattr(config, self.name))
        if not self.low <= value <= self.high:
            raise ValueError(f"{self.name}={value} arrived as first point; {self.low} to {self.high} is searched.")
        return value


@dataclass(frozen=True)
class Choice:
    """A few possibilities, each with a label and the settings it stands for.

    Parameters
    ----------
    name : str
        What the knob is called.
    options : mapping of str to dict
        Label -> settings; one may leave alone what does not matter for it.
    """

    name: str
    options: Mapping[str, dict[str, Any]]

    @property
    def fields(self) -> tuple[str, ...]:
        """The settings that this knob turns."""
        return tuple(dict.fromkeys(name for option in self.options.values() for name in option))

    def settings(self, value: Value) -> dict[str, Any]:
        """Return the settings for a label."""
        return dict(self.options[str(value)])

    def value(self, config: CurveConfig) -> Value:
        """Return the label of what a configuration has.

        Raises
        ------
        ValueError
            It is none of the possibilities.
        """
        for label, option in self.options.items():
            if all(getattr(config, name) == value for name, value in option.items()):
                return label
        arrived = ", ".join(f"{name}={getattr(config, name)!r}" for name in self.fields)
        raise ValueError(f"{arrived} arrived as first point; {', '.join(self.options)} are searched for {self.name}.")


Knob = Range | Choice


def _choice(name: str, *values: Any) -> Choice:
    return Choice(name, {_label(value): {name: value} for value in values})


def _label(value: Any) -> str:
    if value is None:
        return "auto"
    return ",".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


_NETWORK: tuple[Knob, ...] = (
    Range("learning_rate", 3e-4, 1e-2),
    _choice("widths", (8, 16, 32, 64), (16, 32, 64, 128), (32, 64, 128, 256)),
    _choice("depth", 1, 2),
    _choice("n_bins", None, 0, 16),
    _choice("stem_widths", (), (16,)),
    _choice("dropout", 0.0, 0.1, 0.25),
    _choice("pooling", "mean", "sum"),
)
# Every box is a whole number of voxels of every width. Molecules like QM9's gain nothing from finer voxels in as many steps, and
# a trial would take three times as long.
_GRID: dict[bool, tuple[Knob, ...]] = {
    False: (_choice("box_width", 12.0, 15.0), _choice("voxel_width", 0.6, 0.75, 1.0)),
    True: (_choice("box_width", 18.0, 24.0, 30.0), _choice("voxel_width", 0.75, 1.0, 1.5)),
}
_OVERSAMPLING = _choice("oversampling", 1, 2)

_SIGMA = {False: _choice("sigma", 0.35, 0.5, 0.7), True: _choice("sigma", 0.5, 0.7, 1.0)}
_TRANSFORM = _choice("transform", "none", "sqrt", "log")
# 0.002 and 0.01 e/bohr³; the first is what R. F. W. Bader et al. take for a molecule's surface, doi 10.1021/ja00260a006.
_SURFACE = Choice(
    "surface",
    {
        "vdw": {"shape": "vdw"},
        "density above 0.0135": {"shape": "density", "threshold": 0.0135},
        "density above 0.0675": {"shape": "density", "threshold": 0.0675},
    },
)


def space(config: CurveConfig, fixed: Collection[str] = ()) -> tuple[Knob, ...]:
    """Return the knobs for a configuration.

    Parameters
    ----------
    config : CurveConfig
        Its representation has one knob of its own; complexes have other boxes than molecules.
    fixed : collection of str
        Settings that stay as they are: knobs that would turn one of them are left out.

    Raises
    ------
    ValueError
        Everything is fixed, or nothing is known about the representation.
    """
    own: dict[str, Knob] = {
        "atom": _SIGMA[config.of_complexes],
        "density": _TRANSFORM,
        "gradient": _TRANSFORM,
        "occupancy": _SURFACE,
    }
    if config.rep not in own:
        raise ValueError(f"rep={config.rep!r} arrived; {', '.join(own)} can be tuned.")
    knobs = (*_NETWORK, *_GRID[config.of_complexes], _OVERSAMPLING, own[config.rep])
    free = tuple(knob for knob in knobs if not set(knob.fields) & set(fixed))
    if not free:
        raise ValueError(f"All of {', '.join(knob.name for knob in knobs)} are fixed; leave at least one to be tuned.")
    return free


def first_point(knobs: Collection[Knob], config: CurveConfig) -> dict[str, Value]:
    """Return what a configuration has, as the point where the search begins."""
    return {knob.name: knob.value(config) for knob in knobs}


def settings(knobs: Collection[Knob], point: Mapping[str, Value]) -> dict[str, Any]:
    """Return a point of the space as settings of `CurveConfig`."""
    return {name: value for knob in knobs for name, value in knob.settings(point[knob.name]).items()}


def describe(knobs: Collection[Knob]) -> dict[str, Any]:
    """Return the space as something JSON can hold."""
    return {
        knob.name: [knob.low, knob.high] if isinstance(knob, Range) else [dict(o) for o in knob.options.values()]
        for knob in knobs
    }
