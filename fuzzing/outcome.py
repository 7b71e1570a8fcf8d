"""What becomes of a case: the value is right or wrong, or the error is clear or not."""

from __future__ import annotations

import linecache
import logging
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from fuzzing.cases import READ, REFUSED, Case
from fuzzing.package import MissingError

RIGHT, UNCHECKED, CLEAR = "right", "read, value not checked", "clear error"
WRONG, TOO_STRICT, UNCLEAR = "silent wrong", "refused though right", "unclear error"
HANG, CRASH, MEMORY = "hang", "crash", "memory above 1 GB"
GOOD = (RIGHT, UNCHECKED, CLEAR)
FAULTS = (WRONG, TOO_STRICT, UNCLEAR, HANG, CRASH, MEMORY)

SHORTEST = 25
"""Characters of a sentence."""


class Outcome(NamedTuple):
    """One of the words above, and what was said or was wrong."""

    kind: str
    detail: str = ""


def tried(case: Case) -> Outcome:
    """Return what becomes of a case; its files are written to a folder that is removed."""
    folder = Path(tempfile.mkdtemp(prefix="fuzzing-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))  # noqa: PTH112
    try:
        return _tried(case, write(case, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write(case: Case, folder: Path) -> Path:
    """Write the files of a case to a folder and return the path of the first."""
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / next(iter(case.files), "nothing")


def _tried(case: Case, path: Path) -> Outcome:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = case.read(path)
    except (KeyboardInterrupt, GeneratorExit, MissingError):
        raise
    except BaseException as error:
        return _of_error(error, case)
    try:
        verdict = case.verdict(value)
    except Exception as error:
        raise RuntimeError(f"the oracle of {case.reader}, {case.mutation}, fails: {error!r}") from error
    if case.expected == REFUSED:
        return Outcome(WRONG, verdict or f"taken for {_shown(value)}")
    if verdict:
        return Outcome(WRONG, verdict)
    return Outcome(UNCHECKED if verdict is None else RIGHT)


def _of_error(error: BaseException, case: Case) -> Outcome:
    names = case.named or tuple(Path(name).name for name in case.files)
    unclear = unclear_because(error, names)
    if unclear:
        return Outcome(UNCLEAR, f"{unclear}: {type(error).__name__}: {_shown(error)}")
    if case.expected == READ:
        return Outcome(TOO_STRICT, _shown(error))
    return Outcome(CLEAR, _shown(error))


def unclear_because(error: BaseException, names: tuple[str, ...]) -> str:
    """Return why an error is no clear one: "" for one that the package raised, and that says what file or setting is meant."""
    if isinstance(error, SystemExit):
        error = error.__context__ if isinstance(error.__context__, Exception) else error
    if not isinstance(error, (ValueError, OSError, ImportError, SystemExit)):
        return "of a kind that nobody catches"
    if not isinstance(error, SystemExit) and not _raised_by_package(error):
        return "of a library"
    text = str(error)
    if not any(name in text for name in names):
        return f"names none of {', '.join(names)}"
    return "" if len(text) >= SHORTEST and " " in text else "no sentence"


def _raised_by_package(error: BaseException) -> bool:
    """Return whether the innermost frame is a statement ``raise`` of the package's own."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    file = trace.tb_frame.f_code.co_filename
    line = linecache.getline(file, trace.tb_lineno).strip()
    return f"{os.sep}deepchem_density{os.sep}" in file and line.startswith("raise")


def _shown(value: Any) -> str:
    return " ".join(str(value).split())[:400]


def quiet() -> None:
    """Keep libraries from printing."""
    from rdkit import RDLogger

    logging.disable(logging.CRITICAL)
    RDLogger.DisableLog("rdApp.*")
