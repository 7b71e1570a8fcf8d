"""Files that are written completely or not at all, and read without ever running anything that is in them."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import lzma
import os
import re
import shutil
import struct
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "WriteError",
    "cache_folder",
    "check_writable",
    "copy_file",
    "digest",
    "is_file",
    "is_folder",
    "kept_json",
    "load_npz",
    "read_json",
    "reading",
    "replacing",
    "save_npz",
    "write_csv",
    "write_error",
    "write_text",
]

LARGEST_UNPACKED = 2**28
"""Bytes that an archive of arrays may unpack to, or a hundred times its size where that is more."""

_CUT = re.compile(r"[0-9]+ requested and [0-9]+ written")
_FORMULA = re.compile(r"\s*[=+\-@]")
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")
_DAMAGED = (
    EOFError,
    NotImplementedError,
    OverflowError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)

OF_THE_DISK = {
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("the quota of the disk is used up", "free some space"),
    errno.EFBIG: ("the file system takes no file as large", "choose another disk"),
    errno.EIO: ("the disk does not answer properly", "check it, or choose another one"),
    errno.EROFS: ("the disk is read-only", "choose another folder"),
}
OF_THE_PATH = {
    errno.EACCES: ("writing there is not permitted", "choose another folder, or change its permissions"),
    errno.EPERM: ("writing there is not permitted", "choose another folder, or change its permissions"),
    errno.EISDIR: ("it is a folder", "give the name of a file"),
    errno.ENOTDIR: ("a part of its path is a file where a folder is meant", "choose another path"),
    errno.ENOENT: ("its folder does not exist", "make it, or choose another one"),
    errno.ENAMETOOLONG: ("its name is too long", "choose a shorter one"),
}
"""Numbers of errors: what is wrong, and what helps."""


class WriteError(OSError):
    """A file that cannot be written; the message names it, the reason and the remedy."""


def digest(content: object) -> str:
    """Return ten letters that stand for something JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]


def cache_folder() -> Path:
    """Return where data that can be had again are kept: DEEPCHEM_DENSITY_CACHE, or the user's folder of caches."""
    named = os.environ.get("DEEPCHEM_DENSITY_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("deepchem_density", appauthor=False)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path in the same folder to write to; it takes the place of ``path`` when nothing went wrong.

    The temporary name is different for each writer: of two processes that write the same file at once, the last one wins.

    Raises
    ------
    WriteError
        The disk is full or read-only, or there is a folder of that name; nothing half-written is left.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except Exception as error:
        told = write_error(path, error, (temporary,))
        if told is None:
            raise
        raise told from error
    finally:
        with suppress(OSError):  # a read-only disk refuses to remove what it does not hold
            temporary.unlink(missing_ok=True)


def write_error(path: Path, error: BaseException, written: tuple[Path, ...] = ()) -> WriteError | None:
    """Return what went wrong while a file was written as one sentence, or None where it was something else.

    Parameters
    ----------
    path : Path
        What was to be written.
    error : exception
        What was raised, perhaps while another error was handled: archives fail to close on a full disk.
    written : tuple of Path
        The files whose errors count beside those of ``path``; errors of others, which were read meanwhile, do not.
    """
    names = {str(path), *map(str, written)}
    cause: BaseException | None = error
    while cause is not None:
        known = OF_THE_DISK | (OF_THE_PATH if cause is error else {})
        if isinstance(cause, OSError) and cause.errno is None and _CUT.search(str(cause)):
            cause.errno = errno.ENOSPC  # NumPy does not say which
        if isinstance(cause, OSError) and cause.errno in known and (not cause.filename or str(cause.filename) in names):
            reason, remedy = known[cause.errno]
            told = WriteError(f"'{path}' cannot be written: {reason}; {remedy} and run the same again.")
            told.errno = cause.errno
            return told
        cause = cause.__context__
    return None


def check_writable(path: Path) -> None:
    """Raise WriteError if a file cannot be written, before hours are spent on what goes into it.

    Its folder is made if it is not there.
    """
    trial = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "")
        path.parent.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except FileExistsError as error:  # where the folder should be
        raise write_error(path, NotADirectoryError(errno.ENOTDIR, "")) or error from error
    except OSError as error:
        raise write_error(path, error, (trial, *path.parents)) or error from error


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def copy_file(path: Path, target: Path) -> None:
    """Copy a file as `replacing` writes one, into a folder that is made where there is none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary:
        shutil.copyfile(path, temporary)


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as csv, so that a spreadsheet that opens it runs nothing.

    Text that begins with = + - or @, and names of columns that do, get an apostrophe in front, unless it is a number.
    """
    inert = frame.rename(columns=_inert).apply(lambda column: column if _holds_numbers(column) else column.map(_inert))
    write_text(path, inert.to_csv(index=False, lineterminator="\n"))


def _holds_numbers(column: pd.Series) -> bool:
    return column.dtype.kind in "biufc"


def _inert(cell: Any) -> Any:
    runs = isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if runs else cell


def is_file(path: str | os.PathLike[str]) -> bool:
    """Return whether a path names a file, False also for text that can be no path."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # longer than a name may be, not to be looked at, with a NUL
        return False


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether a path names a folder, False also for text that can be no path."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Surround the reading of a file: what libraries raise becomes one sentence that names it.

    Raises
    ------
    OSError
        There is no such file (FileNotFoundError), it is a folder (IsADirectoryError), or it may not be read.
    ValueError
        The path can be none, or the content is damaged, in another encoding or nested too deeply.
    """
    name = _shown(path)
    if "\0" in str(path):
        raise ValueError(f"'{name}' holds a NUL character; no path does: correct it.")
    try:
        yield
    except UnicodeDecodeError as error:
        raise ValueError(
            f"'{name}' is not {error.encoding.upper()} text (byte {error.start} is 0x{error.object[error.start]:02x}); save "
            "it as UTF-8."
        ) from error
    except RecursionError as error:
        raise ValueError(f"'{name}' is nested too deeply; make it again.") from error
    except MemoryError as error:
        raise ValueError(f"'{name}' does not fit into memory; make it smaller, or get it again.") from error
    except _DAMAGED as error:
        raise ValueError(f"'{name}' is damaged ({str(error) or type(error).__name__}); get it again.") from error
    except OSError as error:
        raise _told(error, name) from error


def _told(error: OSError, name: str) -> Exception:
    """Return an error of the operating system as a sentence."""
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(f"There is no file '{name}'; check the path.")
    if isinstance(error, IsADirectoryError):
        return IsADirectoryError(f"'{name}' is a folder; a file is accepted.")
    if error.errno == errno.ENAMETOOLONG:
        return ValueError(f"'{name}' is longer than a path may be; give a shorter one.")
    return type(error)(f"'{name}' cannot be read ({error.strerror or error}); check the path and who may read it.")


def _shown(path: str | os.PathLike[str]) -> str:
    text = str(path).replace("\0", "\\0")
    return text if len(text) <= 200 else f"{text[:100]}...{text[-40:]}"


def read_json(path: str | os.PathLike[str]) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    OSError, ValueError
        As `reading` raises them; or it is no JSON, or gives a key twice.
    """
    with reading(path):
        text = Path(path).read_text(encoding="utf-8-sig")
        try:
            return json.loads(text, object_pairs_hook=_without_repetition)
        except ValueError as error:
            raise ValueError(f"'{_shown(path)}' cannot be read as json ({error}); correct it.") from error


def kept_json(path: Path) -> Any:
    """Return what an earlier run wrote for later ones; None where there is none or it is damaged, so that it is made again."""
    try:
        return read_json(path)
    except (OSError, ValueError):
        return None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key '{next(name for name in found if names.count(name) > 1)}' stands in it twice")
    return found


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
        The file is damaged, encrypted, or unpacks to a hundred times its size.
    """
    # Opened here, since np.load leaves a truncated file open.
    with reading(path), path.open("rb") as file:
        try:
            stored = np.load(file, allow_pickle=False)
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            with stored:
                _check_unpacked_size(stored, path.stat().st_size)
                return dict(stored)
        except (ValueError, TypeError, KeyError, RuntimeError, OSError, MemoryError, *_DAMAGED) as error:
            raise ValueError(f"'{path}' is damaged or not an .npz file ({error}); make or get it again.") from error


def _check_unpacked_size(stored: np.lib.npyio.NpzFile, packed: int) -> None:
    unpacked = sum(member.file_size for member in stored.zip.infolist()) if stored.zip is not None else 0
    if unpacked > max(LARGEST_UNPACKED, 100 * packed):
        raise ValueError(f"{packed:,} bytes unpack to {unpacked:,}")
