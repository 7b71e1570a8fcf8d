"""Further processes that share the work of a command: they claim cells or trials in its folder, and end when it ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator

from deepchem_density.progress import silence_progress
from deepchem_density.workers import end_with_parent

__all__ = ["companions"]

PATIENCE = 10.0
"""Seconds that a companion has to end by itself when the work is done."""


@contextlib.contextmanager
def companions(workers: int, work: Callable[..., object], *arguments: object) -> Iterator[None]:
    """Let further processes do the same work for the duration of a block.

    Parameters
    ----------
    workers : int
        All processes, this one among them.
    work : callable
        A function of a module, which shares its work with others that run it.
    *arguments
        For the function; they are pickled.

    Raises
    ------
    ValueError
        ``workers`` is less than 1.

    Notes
    -----
    One that fails says why and leaves its work to the others; it does not stop them. When this process is killed, so are they.
    """
    if workers < 1:
        raise ValueError(f"workers={workers} arrived; a whole number from 1 up is accepted.")
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_run, args=(os.getpid(), work, arguments), daemon=True) for _ in range(workers - 1)
    ]
    for process in processes:
        process.start()
    finished = False
    try:
        yield
        finished = True
    finally:
        for process in processes:
            if finished:
                process.join(PATIENCE)
            process.terminate()
            process.join()


def _run(parent: int, work: Callable[..., object], arguments: tuple[object, ...]) -> None:
    end_with_parent(parent)
    silence_progress()
    try:
        work(*arguments)
    except Exception as error:
        print(
            f"A companion process ended ({type(error).__name__}: {error}); its work is left to the others.",
            file=sys.stderr,
        )
