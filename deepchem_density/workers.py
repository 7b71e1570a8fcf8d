"""Work on many items, in this process or in several, in order and without losing any.

Workers are fresh processes that never import the caller's script, so a script needs no ``if __name__ == "__main__"``. A
worker that dies or hangs costs the item it was working on and no other.
"""

from __future__ import annotations

import atexit
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError  # the builtin one only since Python 3.11
from typing import Any, TypeVar

from loky.backend.context import get_context
from pebble import ProcessExpired, ProcessPool

__all__ = ["WorkerError", "map_in_order", "n_workers", "stop_workers"]

Item = TypeVar("Item")
CHUNKS_PER_WORKER = 8
LARGEST_CHUNK = 32
CHUNKS_AHEAD = 4

_pools: dict[int, ProcessPool] = {}

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class WorkerError(RuntimeError):
    """A worker process that ended or hung while it was working on an item."""


def n_workers(n_jobs: int) -> int:
    """Return the number of processes that ``n_jobs`` asks for; -1 is one for each core this process may use.

    Raises
    ------
    ValueError
        Zero, or below -1.
    """
    if n_jobs == -1:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if n_jobs != int(n_jobs) or n_jobs < 1:
        raise ValueError(f"n_jobs={n_jobs} arrived; 1, 2, ... processes or -1 for one a core are accepted.")
    return int(n_jobs)


def map_in_order(
    function: Callable[[Item], Any],
    items: Sequence[Item],
    n_jobs: int = 1,
    timeout: float | None = None,
) -> Iterator[Any]:
    """Yield function(item) for each item, in order; where it raised, the exception instead. An ImportError stops the work.

    Parameters
    ----------
    function : callable
        Importable by name where ``n_jobs`` is not 1.
    items : sequence
        Picklable where ``n_jobs`` is not 1.
    n_jobs : int
        Processes; 1 works in this one, where nothing protects from a crash and no timeout applies. So does a single item
        without a timeout.
    timeout : float, optional
        Seconds that one item may take.

    Notes
    -----
    Only a few chunks are under way at a time: memory does not grow with the number of items. The processes stay for the next
    call; ``stop_workers`` ends them.
    """
    workers = min(n_workers(n_jobs), len(items))
    alone = len(items) == 1 and timeout is None  # as DeepChem's InMemoryLoader sends them: a pool for each would crawl
    if n_jobs == 1 or alone or not len(items):
        yield from (_attempt(function, item) for item in items)
        return
    size = max(1, min(LARGEST_CHUNK, len(items) // (CHUNKS_PER_WORKER * workers)))
    chunks = [items[first : first + size] for first in range(0, len(items), size)]
    pool = _pool(workers)

    def submit(chunk: Sequence[Item]) -> Future:
        limit = None if timeout is None else timeout * len(chunk)
        return pool.schedule(_attempt_all, args=(function, list(chunk)), timeout=limit)

    waiting: deque[tuple[Sequence[Item], Future]] = deque()
    upcoming = iter(chunks)
    try:
        while True:
            while len(waiting) < CHUNKS_AHEAD * workers and (chunk := next(upcoming, None)) is not None:
                waiting.append((chunk, submit(chunk)))
            if not waiting:
                return
            yield from _results(*waiting.popleft(), submit, timeout)
    finally:
        for _, future in waiting:
            future.cancel()


def _pool(workers: int) -> ProcessPool:
    """Return a pool of so many processes: the one of the last call where it still works, since a new one takes seconds."""
    pool = _pools.get(workers)
    if pool is None or not pool.active:
        pool = _pools[workers] = ProcessPool(max_workers=workers, context=get_context("loky"), initializer=_one_thread)
    return pool


@atexit.register
def stop_workers() -> None:
    """End the processes that wait for the next call; the program's end does it too."""
    while _pools:
        _, pool = _pools.popitem()
        pool.stop()
        pool.join()


def _results(
    chunk: Sequence[Item], future: Future, submit: Callable[[Sequence[Item]], Future], timeout: float | None
) -> Iterator[Any]:
    """Yield the results of a chunk; where its worker was lost, one item at a time."""
    try:
        yield from future.result()
    except (ProcessExpired, FutureTimeoutError) as error:
        if len(chunk) > 1:
            for item in chunk:
                yield from _results([item], submit([item]), submit, timeout)
        elif isinstance(error, FutureTimeoutError):
            yield WorkerError(f"it took longer than timeout={timeout:g} s")
        else:
            yield WorkerError(f"it ended the worker process (exit code {error.exitcode})")


def _one_thread() -> None:
    os.environ.update(ONE_THREAD)


def _attempt_all(function: Callable[[Item], Any], items: list[Item]) -> list[Any]:
    return [_attempt(function, item) for item in items]


def _attempt(function: Callable[[Item], Any], item: Item) -> Any:
    try:
        return function(item)
    except ImportError:
        raise  # what is not installed is missing for every item
    except Exception as error:
        return error
