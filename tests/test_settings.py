from __future__ import annotations

import dataclasses
import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from deepchem_density.settings import (
    LARGEST_SEED,
    Frozen,
    check_memory,
    check_settings,
    class_defaults,
    described,
    documented,
    is_number,
    listed,
    one_of,
    require_counts,
    setting,
    settings_of,
    special_defaults,
    with_defaults,
)


@dataclass(eq=False, repr=False)
class Shape:
    """Shape."""

    width: float = setting(1.0, "edge", unit="Å", above=0, curves=2.0, complexes=3.0)
    count: int = setting(2, "how many", least=1, most=9)
    kind: str = setting("round", "what it is", choices=("round", "square"))
    point: str | tuple[float, float, float] = setting("mean", "where", choices=("mean",))
    cut: float | None = setting(None, "where it ends", above=0)
    names: tuple[str, ...] = setting((), "what it is called")
    open: bool = setting(True, "whether there is a way in")
    seed: int | None = setting(None, "of what is drawn", seed=True)
    late: int = setting(0, "added later", since=1)


@documented
@dataclass(unsafe_hash=True)
@with_defaults("curves")
class Curve(Frozen, Shape):
    """A curve.

    Parameters
    ----------
    {settings}
    """


@pytest.mark.parametrize(
    "values",
    [
        {"width": 1},
        {"width": np.float32(0.5)},
        {"count": np.int64(9)},
        {"count": 3.0},
        {"point": (0, 1.5, np.float64(2))},
        {"point": [0, 1, 2]},
        {"point": np.zeros(3)},
        {"cut": None},
        {"names": ("a",)},
        {"open": np.bool_(False)},
        {"seed": LARGEST_SEED},
    ],
)
def test_what_fits_passes(values):
    check_settings(Shape(**values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 0}, "width=0 arrived; a positive number in Å is accepted"),
        ({"width": "1"}, "width='1' arrived; a positive number in Å is accepted"),
        ({"width": True}, "width=True arrived; a positive number"),
        ({"width": float("nan")}, "width=nan arrived; a positive number"),
        ({"width": float("inf")}, "width=inf arrived; a positive number"),
        ({"width": None}, "width=None arrived; a positive number"),
        ({"count": 0}, "count=0 arrived; a whole number from 1 up and at most 9 is accepted"),
        ({"count": 10}, "count=10 arrived; a whole number"),
        ({"count": 1.5}, "count=1.5 arrived; a whole number"),
        ({"kind": "flat"}, "kind='flat' arrived; 'round', 'square' are accepted"),
        ({"kind": 3}, "kind=3 arrived; 'round', 'square' are accepted"),
        ({"point": "there"}, "point='there' arrived; a tuple of 3 float or 'mean' is accepted"),
        ({"point": (0, 1)}, r"point=\(0, 1\) arrived; a tuple of 3 float or 'mean' is accepted"),
        ({"point": (0, 1, float("nan"))}, "a tuple of 3 float or 'mean' is accepted"),
        ({"cut": -1}, "cut=-1 arrived; a positive number or None is accepted"),
        ({"names": "abc"}, "names='abc' arrived; a tuple of str is accepted"),
        ({"names": (1,)}, r"names=\(1,\) arrived; a tuple of str is accepted"),
        ({"open": 1}, "open=1 arrived; True or False is accepted"),
        ({"seed": -1}, f"seed=-1 arrived; a whole number from 0 to {LARGEST_SEED} or None is accepted"),
        ({"seed": 2**31}, "seed=2147483648 arrived"),
    ],
)
def test_what_does_not_fit_is_named_with_what_does(values, message):
    with pytest.raises(ValueError, match=message):
        check_settings(Shape(**values))


def test_defaults_depend_on_what_they_are_for():
    assert (Shape().width, Curve().width) == (1.0, 2.0)
    assert class_defaults(Shape)["width"] == 1.0
    assert class_defaults(Curve)["width"] == 2.0
    assert special_defaults(Curve, "complexes") == {"width": 3.0}
    assert settings_of(Curve)["width"].unit == "Å"

    @dataclass
    @with_defaults("curves", only=("count",))
    class Counted(Shape):
        """Of which the width stays."""

    @dataclass
    @with_defaults("curves", only=("width",))
    class Widened(Shape):
        """Of which the width does not."""

    assert class_defaults(Counted) == class_defaults(Shape)
    assert class_defaults(Widened) == class_defaults(Shape) | {"width": 2.0}


def test_a_later_setting_enters_a_description_only_where_it_is_not_at_its_default():
    assert "late" not in described(Curve())
    assert described(Curve(late=1))["late"] == 1
    assert described(Curve(), without=("width", "names")).keys() == described(Curve()).keys() - {"width", "names"}


def test_a_frozen_dataclass_keeps_its_values_and_travels():
    curve = Curve(count=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        curve.count = 4
    with pytest.raises(dataclasses.FrozenInstanceError):
        del curve.count
    assert pickle.loads(pickle.dumps(curve)) == curve == dataclasses.replace(Curve(), count=3)
    assert hash(curve) == hash(Curve(count=3)) != hash(Curve())


def test_docstrings_list_the_settings():
    assert "width : float\n        Edge, in Å.\n" in Curve.__doc__
    assert "kind : str\n        What it is: round, square.\n" in Curve.__doc__
    assert "cut : float, optional\n" in Curve.__doc__
    assert "names : tuple of str\n" in Curve.__doc__


def test_words_are_listed_in_the_message():
    one_of("shape", "vdw", ("vdw", "density"))
    with pytest.raises(ValueError, match="shape='cube' arrived; 'vdw', 'density' are accepted"):
        one_of("shape", "cube", ("vdw", "density"))
    assert listed(("a", "b")) == "'a', 'b'"


def test_counts_are_whole_numbers_from_one():
    require_counts(depth=1, width=np.int64(3))
    for value in (0, -1, 1.5, True, "2"):
        with pytest.raises(ValueError, match=f"depth={value!r} arrived; a whole number from 1 up"):
            require_counts(depth=value)


def test_true_is_no_number():
    assert is_number(1)
    assert is_number(np.float32(2))
    assert not is_number(True)
    assert not is_number("1")


def test_memory_is_checked_before_it_is_asked_for():
    check_memory("An array", 4 * 2**30)
    for n_bytes, gib in (
        (4 * 2**30 + 1, r"4\.0"),
        (1e21, r"931,322,574,615\.5"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ):
        with pytest.raises(ValueError, match=rf"A box takes {gib} GiB of memory; at most 4 GiB is accepted"):
            check_memory("A box", n_bytes)


@pytest.mark.parametrize("value", [10**400, -(10**400), 2**63])
def test_numbers_that_no_machine_counts_with_are_refused(value):
    @dataclass
    class Counted:
        n: int = setting(1, "number")
        x: float = setting(1.0, "number")

    for name in ("n", "x"):
        with pytest.raises(ValueError, match=f"{name}=-?[0-9]+ arrived"):
            check_settings(Counted(**{name: value}))
