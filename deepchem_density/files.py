"""Files that are written completely or not at all, and read without ever running anything that is in them."""

from __future__ import annotations

import hashlib
import json
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

__all__ = ["digest", "load_npz", "replacing", "save_npz", "write_text"]


def digest(content: object) -> str:
    """Return ten letters that stand for something JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path in the same folder to write to; it takes the place of ``path`` when nothing went wrong.

    The temporary name is different for each writer: of two processes that write the same file at once, the last one wins.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def save_npz(path: Path, arrays: dict[str, np.ndarray], compressed: bool = False) -> None:
    """Write arrays under their names."""
    with replacing(path) as temporary, temporary.open("xb") as file:
        (np.savez_compressed if compressed else np.savez)(file, **arrays)  # type: ignore[arg-type]


def load_npz(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of a file; nothing is unpickled.

    Raises
    ------
    OSError
        There is no such file (FileNotFoundError), or it may not be read.
    ValueError
        The file is damaged.
    """
    # Opened here, since np.load leaves a truncated file open.
    with path.open("rb") as file:
        try:
            stored = np.load(file, allow_pickle=False)
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            with stored:
                return dict(stored)
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"'{path}' is damaged or not an .npz file ({error}).") from error
