"""What is tuned: the same knobs with the same values for every representation, and few knobs of its own for each.

Settings say themselves what a search tries, see `Setting`. Batch size and length are no knobs: they are the budget, and the
same for all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from deepchem_density.curves.config import CurveConfig, applies
from deepchem_density.settings import Between, settings_of
from deepchem_density.voxels.representations import records_of

__all__ = ["Choice", "Knob", "Range", "Value", "describe", "first_point", "knob_options", "search_space", "settings_at"]

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
            raise ValueError(f"{self.name}={value} arrived as first point; {self.low} to {self.high} is accepted.")
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
        raise ValueError(
            f"{arrived} arrived as first point; {', '.join(self.options)} are accepted for {self.name} in a search."
        )


Knob = Range | Choice


def search_space(config: CurveConfig, fixed: Collection[str] = ()) -> tuple[Knob, ...]:
    """Return the knobs for a configuration.

    Parameters
    ----------
    config : CurveConfig
        Its representation has knobs of its own; complexes have other boxes than molecules.
    fixed : collection of str
        Settings that stay as they are: knobs that would turn one of them are left out.

    Raises
    ------
    ValueError
        Everything is fixed.
    """
    knobs: list[Knob] = [
        _knob(name, values)
        for name, about in settings_of(config).items()
        if applies(name, config.rep, config.removed) and (values := about.searched(config.of_complexes)) is not None
    ]
    knobs += [Choice(*knob) for record in records_of(config.rep) for knob in record.knobs.items()]
    free = tuple(knob for knob in knobs if not set(knob.fields) & set(fixed))
    if not free:
        raise ValueError(f"All of {', '.join(knob.name for knob in knobs)} are fixed; leave at least one to be tuned.")
    return free


def _knob(name: str, values: Between | tuple[Any, ...]) -> Knob:
    if isinstance(values, Between):
        return Range(name, values.low, values.high)
    return Choice(name, {_label(value): {name: value} for value in values})


def _label(value: Any) -> str:
    if value is None:
        return "auto"
    return ",".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


def knob_options(knob: Knob) -> list[dict[str, Any]]:
    """Return the settings of each possibility, none for a range."""
    return [] if isinstance(knob, Range) else [dict(option) for option in knob.options.values()]


def first_point(knobs: Collection[Knob], config: CurveConfig) -> dict[str, Value]:
    """Return what a configuration has, as the point where the search begins."""
    return {knob.name: knob.value(config) for knob in knobs}


def settings_at(knobs: Collection[Knob], point: Mapping[str, Value]) -> dict[str, Any]:
    """Return a point of the space as settings of `CurveConfig`."""
    return {name: value for knob in knobs for name, value in knob.settings(point[knob.name]).items()}


def describe(knobs: Collection[Knob]) -> dict[str, Any]:
    """Return the space as something JSON can hold."""
    return {knob.name: [knob.low, knob.high] if isinstance(knob, Range) else knob_options(knob) for knob in knobs}
