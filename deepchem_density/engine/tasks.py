"""A task tells what it does on its way and may ask whether to go on; here it is done in the process that asks for it.

Who runs tasks writes the files: whoever does them only sends what came out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from deepchem_density.workers import map_in_order

__all__ = ["ClusterError", "Engine", "OnMessage", "Post", "Task"]

Item = TypeVar("Item")


class ClusterError(ConnectionError):
    """A cluster that cannot be used, or that went away."""


@dataclass(frozen=True, eq=False)
class Task:
    """A piece of work.

    Parameters
    ----------
    name : str
        What it is called in messages.
    function : callable
        ``function(post, *arguments)``, importable by name where workers are used; ``post`` is a `Post`.
    arguments : tuple
        Picklable where workers are used.
    tries : int
        How often it is begun whose worker dies; somebody else may have killed it.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    tries: int = 2


OnMessage = Callable[[Task, Any], Any]


class Post:
    """How a task talks to whoever runs it; here both are in one process.

    Parameters
    ----------
    answer : callable
        Takes a message and returns the answer.
    """

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self._answer = answer

    def tell(self, message: Any) -> None:
        """Send a message of plain numbers, text, lists and dictionaries."""
        self._answer(message)

    def ask(self, message: Any) -> Any:
        """Send a message and wait for the answer."""
        return self._answer(message)


class Engine:
    """Runs tasks one after the other in this process, where nothing protects from a crash."""

    def run(self, tasks: Iterable[Task | None], on_message: OnMessage | None = None) -> Iterator[tuple[Task, Any]]:
        """Yield each task with its result as soon as it is there.

        Parameters
        ----------
        tasks : iterable
            Asked for the next one when there is somebody to do it. None says that the next one depends on results that are not
            there yet.
        on_message : callable, optional
            ``on_message(task, message) -> answer``, called in this process between results. A task whose worker dies is done by
            another one, and tells everything again.

        Yields
        ------
        Task
            In the order in which they end.
        result
            What the function returned; a `WorkerError` where its workers died, or where it took too long.

        Raises
        ------
        Exception
            What a function raised; nothing else is begun then.
        ClusterError
            The cluster went away.
        """
        for task in tasks:
            if task is not None:
                answer = _no_answer if on_message is None else partial(on_message, task)
                yield task, task.function(Post(answer), *task.arguments)

    def map_in_order(self, function: Callable[[Item], Any], items: Sequence[Item]) -> Iterator[Any]:
        """Yield function(item) for each item, in order; where it raised, the exception instead. An ImportError stops the work."""
        return map_in_order(function, items)

    def before(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function here, and in whatever process does a task, before it does."""
        function(*arguments)

    @contextmanager
    def sharing(self, folder: Path | None, *paths: Path) -> Iterator[None]:
        """Have only workers work for the duration of a block that see this very folder, if any, and other paths."""
        yield


def _no_answer(message: Any) -> None:
    return None
