"""Text files of molecules, also gzipped, whatever their encoding and line ends."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from deepchem_density.errors import FeaturizationError

__all__ = ["format_suffix", "read_text"]


def format_suffix(path: str | Path) -> str:
    """Return the suffix that tells the format, in lower case: ".pdb" for "a.pdb" and "a.PDB.gz"."""
    path = Path(path)
    return (Path(path.stem) if path.suffix.lower() == ".gz" else path).suffix.lower()


def read_text(path: Path) -> str:
    r"""Return a file's text: unpacked if it is gzipped, without byte order mark, lines ended by ``\n``.

    Bytes that are no UTF-8 become the replacement character, one for each in encodings of one byte per character, so that
    columns stay where they are.

    Raises
    ------
    FeaturizationError
        There is no such file, or it is a damaged archive.
    """
    if not path.is_file():
        raise FeaturizationError(f"There is no file '{path}'; check the path.")
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise FeaturizationError(f"'{path.name}' is a damaged gzip archive ({error}); get it again.") from error
    return raw.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
