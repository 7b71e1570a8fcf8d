"""A setting is declared once: a dataclass field that knows its help, unit, choices, bounds and defaults.

Featurizers, recipes, curves and searches inherit from the classes that declare settings; command line, MLproject files,
docstrings, checks and tuning spaces read the fields. Nothing heavier than NumPy is imported here.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

__all__ = [
    "LARGEST_MEMORY",
    "LARGEST_SEED",
    "LARGEST_WHOLE",
    "Between",
    "Frozen",
    "Setting",
    "check_memory",
    "check_settings",
    "class_defaults",
    "described",
    "documented",
    "is_number",
    "listed",
    "one_of",
    "require_counts",
    "setting",
    "settings_of",
    "special_defaults",
    "with_defaults",
]

LARGEST_SEED = 2**31 - 1
"""RDKit takes a negative seed for "different each time", and 32 bits."""

LARGEST_WHOLE = 2**63 - 1
"""What NumPy and PyTorch count with."""

Class = TypeVar("Class", bound=type)


class _Same:
    """Stands for a default that is that of the class."""

    def __repr__(self) -> str:
        return "the same"


SAME: Any = _Same()


@dataclass(frozen=True)
class Between:
    """Values of a search: two positive numbers and all between them, on a logarithmic scale.

    Parameters
    ----------
    low, high : float
        Both may be drawn.
    """

    low: float
    high: float


@dataclass(frozen=True)
class Setting:
    """What is known of a setting beside its name, type and default.

    Parameters
    ----------
    help : str
        What it is, as ``--help`` and docstrings say it.
    unit : str
        Of a number.
    choices : tuple of str
        The words that are accepted, where it is a word.
    above, least : float, optional
        A number must be above the one, or at least the other.
    most : float, optional
        The largest number that is accepted.
    seed : bool
        It is a seed of random numbers.
    curves, files, complexes
        The default of learning curves of QM9, of other molecules, and of complexes, where it is another one than that of the
        class; of other molecules, where it is another one than QM9's.
    search, search_complexes : Between or tuple, optional
        Values that a search tries, for molecules and for complexes; None where it is not tuned.
    labelled : bool
        Whether it is named in the label of a curve where it is not at its default.
    path : bool
        Whether it names a file or folder.
    since : int
        The version of cells and recipes that knew it first: above 0, it enters digests only where it is not at its default, so
        that what was stored before it was known stays valid.
    before
        What was done before it was known, where that is another than its default.
    """

    help: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    above: float | None = None
    least: float | None = None
    most: float | None = None
    seed: bool = False
    curves: Any = SAME
    files: Any = SAME
    complexes: Any = SAME
    search: Between | tuple[Any, ...] | None = None
    search_complexes: Between | tuple[Any, ...] | None = None
    labelled: bool = True
    path: bool = False
    since: int = 0
    before: Any = SAME

    def searched(self, of_complexes: bool) -> Between | tuple[Any, ...] | None:
        """Return the values that a search tries."""
        return self.search_complexes if of_complexes and self.search_complexes is not None else self.search


def setting(default: Any, help: str, **about: Any) -> Any:
    """Declare a setting as a field of a dataclass; see `Setting` for what may be said about it."""
    return dataclasses.field(default=default, metadata={"setting": Setting(help, **about)})


def settings_of(declaring: Any) -> dict[str, Setting]:
    """Return the settings of a dataclass, or of an instance of one, by name, in order."""
    return {field.name: field.metadata["setting"] for field in dataclasses.fields(declaring) if field.metadata}


class Frozen:
    """Makes a dataclass immutable whose parents are not, as the declarations of settings are for DeepChem's sake."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def with_defaults(which: str, only: Collection[str] | None = None) -> Callable[[Class], Class]:
    """Return a decorator for use below ``@dataclass``: inherited settings take their defaults for ``which``, "curves" say.

    ``only`` names those that do; None stands for all of them.
    """

    def decorate(cls: Class) -> Class:
        for base in reversed(cls.__mro__[1:]):
            hints = get_type_hints(base) if dataclasses.is_dataclass(base) else {}
            for field in dataclasses.fields(base) if dataclasses.is_dataclass(base) else ():
                default = getattr(field.metadata["setting"], which) if field.metadata else SAME
                if default is not SAME and (only is None or field.name in only):
                    cls.__annotations__[field.name] = hints[field.name]
                    setattr(cls, field.name, dataclasses.field(default=default, metadata=field.metadata))
        return cls

    return decorate


def class_defaults(declaring: Any) -> dict[str, Any]:
    """Return the default of each setting of a dataclass."""
    return {field.name: field.default for field in dataclasses.fields(declaring) if field.metadata}


def special_defaults(declaring: Any, which: str) -> dict[str, Any]:
    """Return the defaults for ``which``, "complexes" say, that are others than those of the class."""
    found = {name: getattr(about, which) for name, about in settings_of(declaring).items()}
    return {name: default for name, default in found.items() if default is not SAME}


def described(settings: Any, without: Collection[str] = ()) -> dict[str, Any]:
    """Return the settings of an instance as something a digest may rest on.

    A setting that was added later is left out where it asks for what was done before: what was stored then keeps its name.
    """
    defaults = class_defaults(settings)
    late = {
        name: defaults[name] if about.before is SAME else about.before
        for name, about in settings_of(settings).items()
        if about.since
    }
    return {
        name: value
        for name, value in dataclasses.asdict(settings).items()
        if name not in without and not (name in late and value == late[name])
    }


def documented(cls: Class) -> Class:
    """Write the settings of a dataclass into its docstring, where it says ``{settings}``, as NumPy's style wants them."""
    hints = get_type_hints(cls)
    lines = []
    for name, about in settings_of(cls).items():
        unit = f", in {about.unit}" if about.unit else ""
        words = (
            f": {', '.join(about.choices)}" if about.choices and not all(c in about.help for c in about.choices) else ""
        )
        lines.append(f"{name} : {_type_name(hints[name])}\n        {_sentence(about.help + unit + words)}")
    if cls.__doc__:
        cls.__doc__ = cls.__doc__.replace("{settings}", "\n    ".join(lines))
    return cls


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _type_name(hint: Any) -> str:
    if get_origin(hint) in (Union, types.UnionType):
        names = [_type_name(part) for part in get_args(hint) if part is not type(None)]
        return " or ".join(names) + (", optional" if type(None) in get_args(hint) else "")
    if get_origin(hint) is tuple:
        return f"tuple of {_type_name(get_args(hint)[0])}"
    return getattr(hint, "__name__", str(hint))


def check_settings(settings: Any) -> None:
    """Refuse values that are of another type, none of the words, or out of bounds.

    Raises
    ------
    ValueError
        Naming the setting, what arrived and what is accepted.
    """
    hints = _hints(type(settings))
    for name, about in settings_of(settings).items():
        _check_value(name, getattr(settings, name), hints[name], about)


_HINTS: dict[type, dict[str, Any]] = {}


def _hints(cls: type) -> dict[str, Any]:
    if cls not in _HINTS:
        _HINTS[cls] = get_type_hints(cls)
    return _HINTS[cls]


def _check_value(name: str, value: Any, hint: Any, about: Setting) -> None:
    if about.choices and isinstance(value, str) and value in about.choices:
        return
    fits = (
        not (about.choices and isinstance(value, str))
        and _fits(value, hint)
        and all(_in_bounds(part, about) for part in _parts(value))
    )
    if not fits:
        raise ValueError(f"{name}={value!r} arrived; {_accepted(hint, about)} accepted.")


def _parts(value: Any) -> Iterator[Any]:
    for part in value if isinstance(value, (tuple, list, np.ndarray)) else (value,):
        if is_number(part):
            yield part


def _in_bounds(value: Any, about: Setting) -> bool:
    # written so that a NaN, which compares as false, is refused
    return bool(
        abs(value) <= LARGEST_WHOLE
        and np.isfinite(value)
        and (about.above is None or value > about.above)
        and (about.least is None or value >= about.least)
        and (about.most is None or value <= about.most)
        and (not about.seed or 0 <= value <= LARGEST_SEED)
    )


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value is what a type hint says; whole numbers are numbers, and NumPy's are numbers too."""
    if get_origin(hint) in (Union, types.UnionType):
        return any(_fits(value, option) for option in get_args(hint))
    if get_origin(hint) is tuple:
        options = get_args(hint)
        length = None if options[-1] is Ellipsis else len(options)
        return (
            isinstance(value, (tuple, list, np.ndarray))
            and (length is None or len(value) == length)
            and all(_fits(part, options[0]) for part in value)
        )
    if hint is bool:
        return isinstance(value, (bool, np.bool_))
    if hint is float:
        return is_number(value)
    if hint is int:
        return is_number(value) and bool(abs(value) <= LARGEST_WHOLE) and value == int(value)
    return isinstance(value, hint)


def _accepted(hint: Any, about: Setting) -> str:
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    words = [_accepted_type(option, about) for option in options if option is not str or not about.choices]
    words += [listed(about.choices)] if about.choices else []
    words.sort(key="None".__eq__)
    return f"{' or '.join(words)} {'are' if words == [listed(about.choices)] and len(about.choices) > 1 else 'is'}"


def _accepted_type(hint: Any, about: Setting) -> str:
    if hint is type(None):
        return "None"
    if hint is bool:
        return "True or False"
    unit = f" in {about.unit}" if about.unit else ""
    if hint in (int, float):
        if about.seed:
            return f"a whole number from 0 to {LARGEST_SEED}"
        kind = "whole number" if hint is int else "finite number"
        if about.above == 0:
            kind = f"positive {'whole number' if hint is int else 'number'}"
        bound = f" above {about.above:g}" if about.above else ""
        bound += "" if about.least is None else f" from {about.least:g} up"
        bound += "" if about.most is None else f"{' and' if bound else ''} at most {about.most:g}"
        return f"a {kind}{bound}{unit}"
    if get_origin(hint) is tuple:
        parts = get_args(hint)
        number = "" if parts[-1] is Ellipsis else f"{len(parts)} "
        return f"a tuple of {number}{_type_name(parts[0])}{unit}"
    return f"a {_type_name(hint)}"


def one_of(name: str, value: Any, accepted: Collection[Any]) -> None:
    """Raise ValueError if a setting is none of the values that it may be."""
    if value not in accepted:
        raise ValueError(
            f"{name}={value!r} arrived; {listed(accepted)} {'is' if len(accepted) == 1 else 'are'} accepted."
        )


def listed(values: Collection[Any]) -> str:
    """Return values as they stand in a message."""
    return ", ".join(repr(value) for value in values)


def is_number(value: Any) -> bool:
    """Return whether something is a number, which True and False are not."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def require_counts(**counts: Any) -> None:
    """Raise ValueError unless every argument is a whole number from 1 up."""
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
            raise ValueError(f"{name}={count!r} arrived; a whole number from 1 up is accepted.")


LARGEST_MEMORY = 4 * 2**30
"""Bytes that a single array may take: what asks for more is a mistake, or a damaged file, far more often than it is meant."""


def check_memory(what: str, n_bytes: float) -> None:
    """Raise ValueError, before memory is asked for, if something takes more than `LARGEST_MEMORY`.

    Parameters
    ----------
    what : str
        How the message begins, with the numbers that make it large: "A box of 10000 x 10000 x 10000 voxels".
    n_bytes : float
        What it takes.
    """
    if not n_bytes <= LARGEST_MEMORY:
        raise ValueError(
            f"{what} takes {n_bytes / 2**30:,.1f} GiB of memory; at most {LARGEST_MEMORY // 2**30} GiB is accepted."
        )
