"""What a dask worker does with a task: see whether it suits, ask whether to begin, do it in time, and tell."""

from __future__ import annotations

import faulthandler
import logging
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepchem_density.engine.tasks import Post
from deepchem_density.progress import silence_progress
from deepchem_density.versions import PACKAGES, installed_versions
from deepchem_density.workers import attempt

if TYPE_CHECKING:
    from distributed import Worker

__all__ = ["Order", "UnsuitableError", "each", "serve", "versions"]

SECONDS_BETWEEN_LOOKS = 5
STDERR = 2


class UnsuitableError(Exception):
    """A worker that cannot do a task, and why."""


class NotWantedError(Exception):
    """A task whose result nobody waits for any more."""


@dataclass(frozen=True)
class Order:
    """What a worker is told beside the task itself.

    Parameters
    ----------
    key : str
        Of the task.
    topic : str
        Of messages to who runs it.
    seconds : float
        What it may take.
    versions : dict of str to str
        Package -> version, the same on both sides.
    paths : tuple of str
        What the worker must see.
    before : bytes
        Pickled functions with their arguments, to be called first.
    """

    key: str
    topic: str
    seconds: float
    versions: dict[str, str]
    paths: tuple[str, ...]
    before: bytes


def versions() -> dict[str, str]:
    """Return package -> version, as far as it matters for results and for understanding each other."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = installed_versions((*PACKAGES, "distributed"))
    return {"python": python} | {package: number.partition("+")[0] for package, number in found.items()}


def serve(order: Order, packed: bytes) -> Any:
    """Do a task, which is a pickled function with its arguments; the process ends if it takes too long.

    Raises
    ------
    UnsuitableError
        Before it is begun.
    Exception
        What the function raised.
    """
    from distributed import get_worker

    worker = get_worker()
    _check(worker, order)
    post = WorkerPost(worker, order)
    if not post.begin():
        raise NotWantedError
    try:
        for function, arguments in pickle.loads(order.before):
            function(*arguments)
        function, arguments = pickle.loads(packed)
        logging.getLogger("deepchem_density").setLevel(logging.ERROR)  # who runs the tasks has warned already
        silence_progress()
        with _in_time(order.seconds):
            return function(post, *arguments)
    finally:
        post.close()


def each(post: Post, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Return function(item) for each item; where it raised, the exception instead."""
    return [attempt(function, item) for item in items]


def _check(worker: Worker, order: Order) -> None:
    if worker.state.nthreads != 1:
        raise UnsuitableError(
            f"has {worker.state.nthreads} threads; one is accepted: start it with `dask worker --nthreads 1`"
        )
    try:
        here = versions()
    except PackageNotFoundError as error:
        raise UnsuitableError(f"lacks the package {error.name}; install it there") from error
    for package, number in order.versions.items():
        if here[package] != number:
            raise UnsuitableError(f"has {package} {here[package]}; {number} is accepted: install it there")
    for path in order.paths:
        if not Path(path).exists():
            raise UnsuitableError(f"does not see '{path}'; a folder that all machines share is accepted")


@contextmanager
def _in_time(seconds: float) -> Iterator[None]:
    """End this process if the block takes longer, after saying where it was; also one that never returns to Python."""
    faulthandler.dump_traceback_later(seconds, exit=True, file=STDERR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


class WorkerPost(Post):
    """The way from a worker to who runs the task, and back.

    Parameters
    ----------
    worker : distributed.Worker
        This one.
    order : Order
        Of the task.
    """

    def __init__(self, worker: Worker, order: Order) -> None:
        from distributed import Queue, get_client

        self._worker, self._order = worker, order
        self._task = worker.get_current_task()
        self._answers = Queue(f"{order.topic}-{order.key}", client=get_client())

    def begin(self) -> bool:
        """Return whether to do the task."""
        return bool(self._asked("begin", None))

    def tell(self, message: Any) -> None:
        """Send a message; raise NotWantedError where nobody waits for the result any more."""
        self._send("tell", message)

    def ask(self, message: Any) -> Any:
        """Send a message and wait for the answer."""
        return self._asked("ask", message)

    def close(self) -> None:
        """Forget the way back."""
        self._answers.close()

    def _asked(self, kind: str, message: Any) -> Any:
        self._send(kind, message)
        while True:
            try:
                return self._answers.get(timeout=SECONDS_BETWEEN_LOOKS)
            except TimeoutError:
                self._check_wanted()

    def _send(self, kind: str, message: Any) -> None:
        self._check_wanted()
        about = {"key": self._order.key, "process": self._worker.id, "kind": kind, "told": message}
        self._worker.log_event(self._order.topic, about)

    def _check_wanted(self) -> None:
        state = self._worker.state.tasks.get(self._task)
        if state is None or state.state != "executing":
            raise NotWantedError
