"""The representations, one file each; the order here is that of channels in joint inputs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module

from deepchem_density.settings import listed
from deepchem_density.voxels.representations.record import Representation

__all__ = ["REPRESENTATIONS", "Representation", "canonical", "records_of"]

MODULES = ("atom", "density", "occupancy")
"""Files of this folder, in the order of channels; each has its records in ``RECORDS``."""

REPRESENTATIONS: dict[str, Representation] = {
    record.name: record for module in MODULES for record in import_module(f"{__name__}.{module}").RECORDS
}
"""Name -> record, in the order of channels of joint inputs."""


def canonical(names: str | Iterable[str], called: str = "representation") -> str:
    """Return the name of a representation, or of several joined, such as density+gradient, in the one order there is.

    Raises
    ------
    ValueError
        An unknown name, or one that stands twice.
    """
    text = names if isinstance(names, str) else "+".join(names)
    parts = [part.strip() for part in text.split("+")]
    if not set(parts) <= set(REPRESENTATIONS) or len(set(parts)) < len(parts):
        raise ValueError(
            f"{called}={text!r} arrived; {listed(REPRESENTATIONS)}, or several of them, each once, joined as in "
            "'density+gradient', are accepted."
        )
    return "+".join(name for name in REPRESENTATIONS if name in parts)


@lru_cache
def records_of(representation: str) -> tuple[Representation, ...]:
    """Return the records that a name stands for, in order of their channels; raises as `canonical`."""
    return tuple(REPRESENTATIONS[name] for name in canonical(representation).split("+"))
