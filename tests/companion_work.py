"""Work for companion processes; fresh processes import it by name."""

from __future__ import annotations

import os
import time
from pathlib import Path


def note(folder: str, name: str) -> None:
    (Path(folder) / name).write_text(str(os.getpid()))


def note_and_end(folder: str) -> None:
    note(folder, f"{os.getpid()}.txt")


def work_forever(folder: str) -> None:
    note(folder, "companion.part")
    (Path(folder) / "companion.part").rename(Path(folder) / "companion")
    time.sleep(600)


def fail(reason: str) -> None:
    raise ValueError(reason)
