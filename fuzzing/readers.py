"""All that is fuzzed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fuzzing import laws, macromolecules, maps, small_molecules, stored, tables
from fuzzing.cases import Case, Reader
from fuzzing.mutations import blind

READERS: tuple[Reader, ...] = (
    *small_molecules.READERS,
    *macromolecules.READERS,
    *maps.READERS,
    *tables.READERS,
    *stored.READERS,
    *laws.READERS,
)
MAPS = (".cube", ".cub", ".ccp4", ".map", ".mrc", ".mtz")
STRUCTURES = (".xyz", ".sdf", ".mol", ".mol2", ".pdb", ".ent", ".cif", ".mmcif")


def all_readers(chosen: str = "", corpus: Path | None = None) -> Sequence[Reader]:
    """Return the readers, or those of whose names a part is given, parts between commas."""
    wanted = [name.strip() for name in chosen.split(",") if name.strip()]
    readers = READERS if corpus is None else (*READERS, _of_corpus(corpus))
    return [reader for reader in readers if not wanted or any(name in reader.name for name in wanted)]


def _of_corpus(folder: Path) -> Reader:
    """Return a reader of the files in a folder after random changes; of their values only that there are some is known."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (*MAPS, *STRUCTURES) and path.is_file())
    if not paths:
        raise SystemExit(
            f"'{folder}' holds no structures or maps; files that end in {', '.join((*STRUCTURES, *MAPS))} are read."
        )

    def changed(rng: random.Random) -> Case:
        path = rng.choice(paths)
        return Case("corpus", path.suffix, {path.name: blind(rng, path.read_bytes())}, _read)

    return Reader("corpus", 10, (changed,))


def _read(path: Path) -> Any:
    return (maps.read if path.suffix.lower() in MAPS else small_molecules.structure)(path)
