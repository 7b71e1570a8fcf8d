"""All that is fuzzed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fuzzing import laws, macromolecules, maps, small_molecules, stored, tables
from fuzzing.cases import Reader

READERS: tuple[Reader, ...] = (
    *small_molecules.READERS,
    *macromolecules.READERS,
    *maps.READERS,
    *tables.READERS,
    *stored.READERS,
    *laws.READERS,
)


def all_readers(chosen: str = "", corpus: Path | None = None) -> Sequence[Reader]:
    """Return the readers, or those whose names are given with commas between them."""
    wanted = [name.strip() for name in chosen.split(",") if name.strip()]
    found = [reader for reader in READERS if not wanted or any(name in reader.name for name in wanted)]
    return found
