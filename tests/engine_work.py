"""Tasks for workers, which import them by name. They note in a folder what they do: a line for each time one is begun."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def note(folder: str, name: str) -> int:
    """Add the number of this process to what is noted under a name, and return how often it was noted before."""
    with (Path(folder) / name).open("a") as file:
        file.write(f"{os.getpid()}\n")
    return len(noted(folder, name)) - 1


def noted(folder: str | Path, name: str) -> list[int]:
    path = Path(folder) / name
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def square(post, folder, n, seconds=0.0):
    note(folder, str(n))
    time.sleep(seconds)
    return n * n


def end_natively(post, folder, n):
    note(folder, str(n))
    os.abort()


def end_once(post, folder, n):
    if note(folder, str(n)) == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return n * n


def hang(post, folder, n):
    note(folder, str(n))
    while True:
        time.sleep(60)


def freeze(post, folder, n):
    note(folder, str(n))
    os.kill(os.getpid(), signal.SIGSTOP)


def count(post, folder, n, seconds=0.0):
    """Ask at each step whether to go on."""
    note(folder, str(n))
    post.tell("counting")
    for step in range(n):
        time.sleep(seconds)
        if post.ask(step) == "stop":
            return step
    return n


def fail(post, reason):
    raise OSError(reason)


def invert(item):
    if item == 7:
        os.abort()
    return 1 / item


def need(item):
    import a_package_that_nobody_has  # noqa: F401


def end_once_in_a_worker(folder):
    """End the first worker that does this; never the process of the tests."""
    if is_worker() and note(folder, "ended") == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def is_worker():
    return "local_workers" in Path("/proc/self/cmdline").read_text()
