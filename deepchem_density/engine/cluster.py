"""Tasks on the workers of a dask scheduler, one each: a worker that dies or hangs costs no other task.

Who runs the tasks decides which worker gets which, and whether it may begin. So a task that ends its worker is known, is tried
once more, since somebody else may have killed that worker, and is given up then; and none is done twice.
"""

from __future__ import annotations

import logging
import pickle
import queue
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from deepchem_density.engine.tasks import ClusterError, Engine, OnMessage, Task
from deepchem_density.engine.worker import Order, UnsuitableError, each, serve, versions
from deepchem_density.workers import WorkerError

if TYPE_CHECKING:
    from distributed import Client, Future, Queue

__all__ = ["Cluster"]

logger = logging.getLogger(__name__)
Item = TypeVar("Item")

STARTS = 5
"""How often a task is sent that no worker lives to begin."""
GRACE = 30.0
"""Seconds after its time that a worker has to end, before it is taken for stopped."""
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_TO_SETTLE = 2.0
SECONDS_BETWEEN_NOTES = 60.0
CHUNKS_PER_WORKER = 4
LARGEST_CHUNK = 64


class Cluster(Engine):
    """Runs tasks on the workers of a dask scheduler.

    Parameters
    ----------
    client : distributed.Client
        Of the scheduler.
    seconds : float
        What a task may take.
    address : str
        Of the scheduler, "" for one that lives in this process.
    look_after : callable, optional
        Told every second whether there are any workers; it replaces those that have ended, where nobody else does.
    """

    def __init__(
        self, client: Client, seconds: float, address: str = "", look_after: Callable[[bool], None] | None = None
    ) -> None:
        self._client, self._seconds, self._address, self._look_after = client, seconds, address, look_after
        self._seen: dict[str, float] = {}
        self._versions = versions()
        self._paths: list[str] = []
        self._before: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self._noted = time.monotonic()
        self.unfit: dict[str, str] = {}

    def before(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function here, and in whatever process does a task, before it does."""
        super().before(function, *arguments)
        self._before.append((function, arguments))

    @contextmanager
    def sharing(self, folder: Path | None, *paths: Path) -> Iterator[None]:
        """Have only workers work for the duration of a block that see this very folder, if any, and other paths."""
        tokens = []
        if folder is not None:  # the same path may be another folder on another machine
            folder.mkdir(parents=True, exist_ok=True)
            tokens = [folder / f".{uuid.uuid4().hex}.shared"]
            tokens[0].touch()
        self._paths = [str(path.absolute()) for path in (*tokens, *paths)]
        try:
            yield
        finally:
            self._paths = []
            for token in tokens:
                token.unlink(missing_ok=True)

    def run(self, tasks: Iterable[Task | None], on_message: OnMessage | None = None) -> Iterator[tuple[Task, Any]]:
        """Yield each task with its result as soon as it is there; see `Engine.run`."""
        from distributed.comm.core import CommClosedError

        work = _Work(self, iter(tasks), on_message)
        try:
            yield from work.results()
        except CommClosedError as error:
            raise self._gone() from error
        finally:
            work.end()

    def map_in_order(self, function: Callable[[Item], Any], items: Sequence[Item]) -> Iterator[Any]:
        """Yield function(item) for each item, in order; where it raised, the exception instead. An ImportError stops the work."""
        size = max(1, min(LARGEST_CHUNK, len(items) // (CHUNKS_PER_WORKER * max(1, len(self.workers())))))
        chunks = deque(range(first, min(first + size, len(items))) for first in range(0, len(items), size))
        sent: dict[Task, range] = {}

        def tasks() -> Iterator[Task | None]:
            while chunks or sent:
                if chunks:
                    chunk = chunks.popleft()
                    arguments = (function, [items[place] for place in chunk])
                    task = Task(f"item {chunk[0]}", each, arguments, tries=1 if len(chunk) > 1 else 2)
                    sent[task] = chunk
                    yield task
                else:  # those that are under way may come back in pieces
                    yield None

        results: dict[int, Any] = {}
        following = 0
        for task, result in self.run(tasks()):
            chunk = sent.pop(task)
            if not isinstance(result, WorkerError):
                results.update(zip(chunk, result, strict=True))
            elif len(chunk) == 1:
                results[chunk[0]] = result
            else:  # one of them did it
                chunks.extend(range(place, place + 1) for place in chunk)
            while following in results:
                yield results.pop(following)
                following += 1

    def workers(self) -> list[str]:
        """Return the addresses of the workers that can be used.

        Raises
        ------
        ClusterError
            The scheduler is gone, or no worker suits.
        """
        if self._client.status != "running":
            raise self._gone()
        try:  # Client.scheduler_info returns what another thread may have replaced meanwhile by a list without workers
            there = self._client.sync(self._client.scheduler.identity, n_workers=-1)["workers"]
        except OSError as error:
            raise self._gone() from error
        if self._look_after is not None:
            self._look_after(bool(there))
        now = time.monotonic()
        seen = self._seen = {address: self._seen.get(address, now) for address in there}
        # a nanny does not replace a worker that dies before it has noticed that it has started
        ready = [one for one, about in there.items() if not about["nanny"] or now - seen[one] > SECONDS_TO_SETTLE]
        suited = [address for address in ready if address not in self.unfit]
        if ready and not suited:
            raise ClusterError(self.unfit[ready[0]])
        if there:
            self._noted = now
        elif self._address and now - self._noted > SECONDS_BETWEEN_NOTES:
            logger.warning("The scheduler at %s has no workers; waiting for some.", self._address)
            self._noted = now
        return suited

    def _gone(self) -> ClusterError:
        where = self._address or "this machine"
        return ClusterError(
            f"The cluster at {where} went away; what was finished is kept: start it again, and then the same command."
        )

    def send(self, run: _Run, topic: str, inbox: queue.SimpleQueue[tuple[str, Any]]) -> None:
        """Send a task to its worker; what comes of it goes into the inbox."""
        from distributed import Queue

        key = run.key
        run.answers = Queue(f"{topic}-{key}", client=self._client)
        order = Order(key, topic, self._seconds, self._versions, tuple(self._paths), pickle.dumps(self._before))
        packed = pickle.dumps((run.task.function, run.task.arguments))
        where = {"workers": [run.worker], "allow_other_workers": False}
        run.future = self._client.submit(serve, order, packed, key=f"deepchem_density-{key}", pure=False, **where)
        run.future.add_done_callback(lambda future: inbox.put((key, future)))

    def late(self, run: _Run, grace: float = 0.0) -> bool:
        """Return whether a task was begun longer ago than it may take."""
        return bool(run.process) and time.monotonic() - run.begun > self._seconds + grace

    def listen(self, topic: str, inbox: queue.SimpleQueue[tuple[str, Any]]) -> None:
        """Have messages of workers put into an inbox."""
        self._client.subscribe_topic(topic, lambda event: inbox.put((event[1]["key"], event[1])))

    def stop_listening(self, topic: str) -> None:
        """Take no more messages."""
        with suppress(Exception):  # the scheduler may be gone
            self._client.unsubscribe_topic(topic)


@dataclass(eq=False)
class _Run:
    """A task on its way.

    Parameters
    ----------
    task : Task
        What is done.
    worker : str
        Address of who has it.
    process : str
        Which process there has begun it, "" before.
    begun : float
        When.
    tries, starts : int
        How often it was begun, and how often it was sent since.
    """

    task: Task
    key: str = ""
    worker: str = ""
    process: str = ""
    begun: float = 0.0
    tries: int = 0
    starts: int = 0
    future: Future | None = None
    answers: Queue | None = None

    def drop(self) -> None:
        """Let the scheduler forget it."""
        with suppress(Exception):  # it may be gone
            if self.future is not None:
                self.future.cancel()
            if self.answers is not None:
                self.answers.close()
        self.future = self.answers = None
        self.key = self.worker = self.process = ""


class _Work:
    """Tasks, those that are under way, and what comes of them.

    Parameters
    ----------
    cluster : Cluster
        Where.
    tasks : iterator
        As in `Engine.run`.
    on_message : callable, optional
        As in `Engine.run`.
    """

    def __init__(self, cluster: Cluster, tasks: Iterator[Task | None], on_message: OnMessage | None) -> None:
        self._cluster, self._tasks, self._on_message = cluster, tasks, on_message
        self._topic = f"deepchem_density-{uuid.uuid4().hex}"
        self._inbox: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._running: dict[str, _Run] = {}
        self._again: deque[_Run] = deque()
        self._complete = False
        cluster.listen(self._topic, self._inbox)

    def results(self) -> Iterator[tuple[Task, Any]]:
        """Yield each task with its result."""
        looked = float("-inf")
        workers: list[str] = []
        while True:
            if time.monotonic() - looked > SECONDS_BETWEEN_LOOKS:
                workers = self._cluster.workers()
                looked = time.monotonic()
                yield from self._lost(workers)
            self._begin(workers)
            if not self._running and not self._again and self._complete:
                return
            with suppress(queue.Empty):
                key, message = self._inbox.get(timeout=SECONDS_BETWEEN_LOOKS)
                if key in self._running:
                    yield from self._taken(self._running[key], message)

    def end(self) -> None:
        """Let go of what is under way."""
        for run in self._running.values():
            run.drop()
        self._cluster.stop_listening(self._topic)

    def _begin(self, workers: Sequence[str]) -> None:
        """Send tasks to workers that have none."""
        busy = {run.worker for run in self._running.values()}
        for worker in workers:
            if worker not in busy and worker not in self._cluster.unfit:
                run = self._again.popleft() if self._again else self._next()
                if run is None:
                    return
                run.key, run.worker = uuid.uuid4().hex, worker
                run.starts += 1
                self._running[run.key] = run
                self._cluster.send(run, self._topic, self._inbox)

    def _next(self) -> _Run | None:
        if self._complete:
            return None
        try:
            task = next(self._tasks)
        except StopIteration:
            self._complete = True
            return None
        return None if task is None else _Run(task)

    def _lost(self, workers: Sequence[str]) -> Iterator[tuple[Task, Any]]:
        """Take the tasks from workers that are gone, or should have ended long ago."""
        for run in list(self._running.values()):
            if self._cluster.late(run, GRACE):
                self._cluster.unfit[run.worker] = f"The worker {run.worker} does not end; end its process."
            if run.worker not in workers or run.worker in self._cluster.unfit:
                yield from self._after_loss(run)

    def _after_loss(self, run: _Run) -> Iterator[tuple[Task, Any]]:
        """Put a task whose worker is gone in line once more, or yield that it is given up."""
        begun, late, worker = bool(run.process), self._cluster.late(run), run.worker
        del self._running[run.key]
        run.drop()
        if late:
            yield run.task, WorkerError("it took longer than it may")
        elif begun and run.tries >= run.task.tries:
            yield run.task, WorkerError("it ended its worker process")
        elif run.starts >= STARTS:
            raise WorkerError("Worker processes end before they begin.")
        else:
            if begun:
                logger.warning("The worker %s ended while it did %s, which is begun again.", worker, run.task.name)
            self._again.append(run)

    def _taken(self, run: _Run, message: Any) -> Iterator[tuple[Task, Any]]:
        """Take what came from a worker; yield the result if it is one."""
        if isinstance(message, dict):
            yield from self._told(run, **message)
        elif message.status == "error" and type(message.exception()).__name__ != "KilledWorker":
            self._failed(run, message.exception())
        elif message.status != "finished":
            yield from self._after_loss(run)
        else:
            try:
                result = message.result(timeout=GRACE)
            except TimeoutError:  # the worker ended before it had sent it
                yield from self._after_loss(run)
                return
            del self._running[run.key]
            run.drop()
            yield run.task, result

    def _told(
        self, run: _Run, key: str, process: str, kind: str, told: Any, **unused: Any
    ) -> Iterator[tuple[Task, Any]]:
        if kind == "begin":
            if run.process:  # another process at the same address: the one before has died
                yield from self._after_loss(run)
                return
            run.process, run.begun, run.starts = process, time.monotonic(), 0
            run.tries += 1
        answer = kind == "begin" or (None if self._on_message is None else self._on_message(run.task, told))
        if kind != "tell" and run.answers is not None:
            run.answers.put(answer)

    def _failed(self, run: _Run, error: BaseException) -> None:
        """Do without a worker that does not suit; raise what the task has raised."""
        missing = isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("deepchem_density")
        if not missing and not isinstance(error, UnsuitableError):
            raise error
        why = "lacks the package deepchem_density; install it there" if missing else str(error)
        self._cluster.unfit[run.worker] = f"The worker {run.worker} {why}."
        logger.warning("%s It is not used.", self._cluster.unfit[run.worker])
        del self._running[run.key]
        run.drop()
        run.starts -= 1
        self._again.append(run)
