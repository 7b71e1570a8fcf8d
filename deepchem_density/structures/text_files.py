"""Text files of molecules, also gzipped, whatever their encoding and line ends; how files that cannot be read are told."""

from __future__ import annotations

import errno
import gzip
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepchem_density.errors import FeaturizationError

__all__ = [
    "LARGEST_TEXT",
    "check_unpacked",
    "decoded",
    "format_suffix",
    "guarded",
    "read_text",
    "text_of",
    "unpacked_bytes",
]

LARGEST_TEXT = 1 << 28
"""Bytes of a text file, unpacked: 256 MiB, three million atoms as mmCIF."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_REASONS = {
    errno.ENOENT: "There is no file {}; check the path.",
    errno.ENOTDIR: "There is no file {}; a part of its path is no folder: check the path.",
    errno.EISDIR: "{} is a folder where a file should be; give the path of a file in it.",
    errno.EACCES: "{} may not be read (permission denied); change its permissions.",
    errno.EPERM: "{} may not be read (permission denied); change its permissions.",
    errno.ENAMETOOLONG: "{} is longer than paths may be; check the path.",
}
_NO_TEXT = re.compile(r"[\0\x1c-\x1f]")
"""NUL, and what Python takes for blanks between words and nobody else does."""
_SHOWN = 200


def format_suffix(path: str | Path) -> str:
    """Return the suffix that tells the format, in lower case: ".pdb" for "a.pdb" and "a.PDB.gz"."""
    path = Path(path)
    return (Path(path.stem) if path.suffix.lower() == ".gz" else path).suffix.lower()


@contextmanager
def guarded(path: str | Path, what: str = "", remedy: str = "") -> Iterator[None]:
    """Tell whatever a library raises within as one sentence that names the file.

    Parameters
    ----------
    path : path
        The file, or what messages call it.
    what : str
        What it was to be read as: "mmCIF".
    remedy : str
        How the sentence ends: "get it again".

    Raises
    ------
    FeaturizationError
        In place of any exception; its own kind passes as it is.
    """
    try:
        yield
    except FeaturizationError:
        raise
    except OSError as error:
        if error.errno not in _REASONS:
            raise FeaturizationError(_unreadable(path, what, error.strerror or str(error), remedy)) from error
        raise FeaturizationError(_REASONS[error.errno].format(_shown(path))) from error
    except MemoryError as error:
        raise FeaturizationError(_unreadable(path, what, "there is not enough memory for it", remedy)) from error
    except Exception as error:
        raise FeaturizationError(_unreadable(path, what, str(error) or type(error).__name__, remedy)) from error


def read_text(path: Path, largest: int = LARGEST_TEXT) -> str:
    r"""Return a file's text: unpacked if it is gzipped, without byte order mark, lines ended by ``\n``.

    It is UTF-8, UTF-16 with its mark, or, line by line where that fails, cp1252 (Windows) or Latin-1, which have one byte a
    character, so that columns stay where they are.

    Parameters
    ----------
    path : Path
        The file.
    largest : int
        How many bytes are read at most, unpacked.

    Raises
    ------
    FeaturizationError
        There is no such file, it may not be read, is larger, a damaged archive, or holds NUL bytes, as no text does.
    """
    text = text_of(unpacked_bytes(path, largest), path)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def unpacked_bytes(path: Path, largest: int = LARGEST_TEXT) -> bytes:
    """Return what is in a file, unpacked if it is gzipped; raises FeaturizationError as `read_text` does."""
    if "\0" in str(path):
        raise FeaturizationError(f"There is no file {_shown(path)}, which holds a NUL character; check the path.")
    with guarded(path), path.open("rb") as file:
        raw = file.read() if os.fstat(file.fileno()).st_size <= largest else file.read(largest + 1)
    if raw[:2] == b"\x1f\x8b":
        with guarded(path.name, "a gzip archive", "get it again"):
            raw = _unpacked(raw, path.name, largest)
    if len(raw) > largest:
        raise FeaturizationError(
            f"'{path.name}' holds more than {largest >> 20} MiB of text, which is the most that is read; split it, or keep the "
            "part that is needed."
        )
    return raw


def check_unpacked(path: Path, largest: int) -> None:
    """Refuse a gzip archive that unpacks to more, or that is damaged, before a library unpacks it in memory.

    Raises
    ------
    FeaturizationError
        Naming the file.
    """
    with guarded(path.name, "a gzip archive", "get it again"), gzip.open(path) as archive:
        size = 0
        while size <= largest and (part := archive.read(1 << 20)):
            size += len(part)
    if size > largest:
        raise FeaturizationError(
            f"'{path.name}' unpacks to more than {largest >> 20} MiB, which is the most that is read; cut out what is needed."
        )


def text_of(raw: bytes, path: Path) -> str:
    """Return a file's bytes as text, as `decoded` does; raises FeaturizationError where they hold a NUL."""
    text = decoded(raw)
    found = _NO_TEXT.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        kind = "a NUL byte" if found[0] == "\0" else f"the control character {found[0]!r}"
        raise FeaturizationError(f"Line {line} of '{path.name}' holds {kind}; it is damaged or no text: get it again.")
    return text


def decoded(raw: bytes) -> str:
    """Return the text in UTF-8, in UTF-16 if it begins with its mark, else line by line in UTF-8, cp1252 or Latin-1."""
    try:
        return raw.decode("utf-16" if raw[:2] in _UTF_16 else "utf-8-sig")
    except UnicodeDecodeError:
        return "".join(map(_decoded_line, raw.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True)))


def _decoded_line(line: bytes) -> str:
    for encoding in ("utf-8", "cp1252"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1")


def _unpacked(raw: bytes, name: str, largest: int) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as archive:
            return archive.read(largest + 1)
    except Exception as error:  # OSError, EOFError, zlib.error; whatever it is, the archive is to blame
        raise FeaturizationError(f"'{name}' is a damaged gzip archive ({error}); get it again.") from error


def _unreadable(path: str | Path, what: str, reason: str, remedy: str) -> str:
    told = " ".join(reason.split()).rstrip(".")
    told = told if len(told) <= _SHOWN else f"{told[:_SHOWN]}..."
    as_what = f" as {what}" if what else ""
    return f"{_shown(path)} cannot be read{as_what}: {told}{'; ' + remedy if remedy else ''}."


def _shown(path: str | Path) -> str:
    text = str(path).replace("\0", "\\0")
    return f"'{text if len(text) <= _SHOWN else text[:_SHOWN] + '...'}'"
