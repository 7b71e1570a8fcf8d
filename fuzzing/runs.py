"""Runs many cases in processes of their own, with limits of time and memory for each, and keeps a record."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fuzzing.cases import Case, Maker, Reader
from fuzzing.outcome import CRASH, FAULTS, HANG, MEMORY, Outcome, quiet, tried
from fuzzing.package import MissingError

CHUNK = 2500
SHOWN = 300
GIGABYTE = 1e9
STUCK = 15
"""How many times its limit of processor time a case may take by the clock, before it counts as waiting for ever."""
ROOM = 6 * 2**30
"""Address space that a worker may take beyond what it has at the start."""


@dataclass
class Record:
    """Counts so far, and one example of each fault; what is done is kept by chunks, so that a run that was killed goes on."""

    seed: int
    count: int
    readers: list[str]
    done: list[int] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    mutations: dict[str, Counter[str]] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    largest_memory: float = 0.0
    slowest: float = 0.0

    def add(self, other: Record) -> None:
        """Add what a chunk gave."""
        for mine, theirs in ((self.counts, other.counts), (self.mutations, other.mutations)):
            for name, counter in theirs.items():
                mine.setdefault(name, Counter()).update(counter)
        self.faults += other.faults[: SHOWN - len(self.faults)]
        self.largest_memory = max(self.largest_memory, other.largest_memory)
        self.slowest = max(self.slowest, other.slowest)

    def note(self, place: int, case: tuple[str, str], outcome: Outcome) -> None:
        """Count one case."""
        reader, mutation = case
        self.counts.setdefault(reader, Counter())[outcome.kind] += 1
        self.mutations.setdefault(f"{reader}: {mutation}", Counter())[outcome.kind] += 1
        if outcome.kind in FAULTS:
            self.faults.append(
                {"case": place, "reader": reader, "mutation": mutation, "kind": outcome.kind, "detail": outcome.detail}
            )

    @property
    def totals(self) -> Counter[str]:
        """Return how many cases ended in which way."""
        return sum(self.counts.values(), Counter())

    def content(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {**vars(self), "totals": self.totals}


def case_at(seed: int, place: int, readers: Sequence[Reader]) -> Case:
    """Return a case by its place, the same one each time."""
    rng = random.Random(f"{seed}:{place}")
    reader = rng.choices(readers, [one.weight for one in readers])[0]
    return reader.case(rng)


def run(
    seed: int,
    count: int,
    readers: Sequence[Reader],
    jobs: int = 1,
    seconds: float = 20.0,
    out: Path | None = None,
    tell: Callable[[Record], object] = lambda record: None,
) -> Record:
    """Run so many cases and return their record, which is also written to a file after each chunk.

    Parameters
    ----------
    seed, count : int
        Case k of a seed is always the same.
    readers : sequence of Reader
        What is fuzzed; those that this release does not have are left out.
    jobs : int
        Processes.
    seconds : float
        Of a processor that one case may take.
    out : Path, optional
        Where the record is kept; a run of the same seed and count goes on from it.
    tell : callable
        Called with the record after each chunk.
    """
    readers = warmed(readers)
    names = [reader.name for reader in readers]
    record = _kept(out, seed, count, names)
    todo = [first for first in range(0, count, CHUNK) if first not in set(record.done)]
    workers: list[_Worker] = []
    last = time.monotonic()
    while todo or workers:
        while todo and len(workers) < jobs:
            workers.append(_Worker(seed, range(todo[0], min(todo.pop(0) + CHUNK, count)), readers, seconds))
        time.sleep(0.02)
        for worker in [one for one in workers if one.step()]:
            workers.remove(worker)
            record.add(worker.record)
            record.done.append(worker.places.start)
            record.seconds += time.monotonic() - last
            last = time.monotonic()
            _keep(out, record)
            tell(record)
    return record


class _Worker:
    """A process for one chunk, started again behind each case that it does not survive."""

    def __init__(self, seed: int, places: range, readers: Sequence[Reader], seconds: float) -> None:
        self.seed, self.places, self.readers, self.seconds = seed, places, readers, seconds
        self.record = Record(seed, len(places), [])
        self.at = places.start
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, other = context.Pipe(duplex=False)
        self.process = context.Process(
            target=_work, args=(self.seed, range(self.at, self.places.stop), self.readers, other)
        )
        self.process.start()
        other.close()
        self.since, self.taken, self.case = time.monotonic(), 0.0, ("?", "?")

    def step(self) -> bool:
        """Take what the process has told; return whether the chunk is done."""
        try:
            while self.pipe.poll():
                self._take(self.pipe.recv())
        except EOFError:
            return self._ended()
        if self._taken() > self.seconds or time.monotonic() - self.since > STUCK * self.seconds:
            self.process.kill()
            self._lost(Outcome(HANG, f"not done after {self.seconds:g} s"))
            return self.at >= self.places.stop
        return False

    def _taken(self) -> float:
        """Return the processor time since the last message, which does not count what others run on the machine."""
        return _processor_time(self.process.pid) - self.taken

    def _take(self, message: tuple[Any, ...]) -> None:
        self.since, self.taken = time.monotonic(), _processor_time(self.process.pid)
        if message[0] == "start":
            self.case = message[1]
            return
        _, outcome, memory, seconds = message
        self.record.note(self.at, self.case, outcome)
        self.record.largest_memory = max(self.record.largest_memory, memory)
        self.record.slowest = max(self.record.slowest, seconds)
        self.at += 1

    def _ended(self) -> bool:
        self.process.join()
        if self.at >= self.places.stop:
            self.pipe.close()
            return True
        self._lost(Outcome(CRASH, f"the process ended with {self.process.exitcode}"))
        return self.at >= self.places.stop

    def _lost(self, outcome: Outcome) -> None:
        """Note the case that a process did not survive, and start again behind it."""
        self.process.join()
        self.pipe.close()
        self.record.note(self.at, self.case, outcome)
        self.at += 1
        if self.at < self.places.stop:
            self._start()


def warmed(readers: Sequence[Reader]) -> list[Reader]:
    """Return the readers that this release has, each maker tried once, so that the limits of time hold for cases alone."""
    quiet()
    found = []
    for reader in readers:
        makers = tuple(maker for maker in reader.makers if _is_there(maker))
        if makers:
            found.append(replace(reader, makers=makers))
    return found


def _is_there(maker: Maker) -> bool:
    try:
        tried(maker(random.Random(0)))
    except MissingError:
        return False
    return True


def _work(seed: int, places: range, readers: Sequence[Reader], pipe: Any) -> None:
    """Try cases, and tell of each before and after."""
    gc.freeze()  # what the parent has left is the parent's to end, with its files
    space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (space + ROOM, space + ROOM))
    for place in places:
        case = case_at(seed, place, readers)
        pipe.send(("start", (case.reader, case.mutation)))
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew, from what is resident now
        before, started = _peak(), time.monotonic()
        outcome = tried(case)
        peak = _peak()
        if peak > before + GIGABYTE and outcome.kind not in FAULTS:
            outcome = Outcome(MEMORY, f"{(peak - before) / GIGABYTE:.1f} GB: {outcome.kind}, {outcome.detail}")
        pipe.send(("end", outcome, peak - before, time.monotonic() - started))
    pipe.close()


def _processor_time(pid: int | None) -> float:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _peak() -> float:
    """Return the largest resident memory so far, in bytes."""
    status = Path("/proc/self/status").read_text()
    return float(status.partition("VmHWM:")[2].split()[0]) * 1024


def _kept(out: Path | None, seed: int, count: int, readers: list[str]) -> Record:
    if out is None or not out.is_file():
        return Record(seed, count, readers)
    stored = json.loads(out.read_text(encoding="utf-8"))
    stored.pop("totals")
    if (stored["seed"], stored["count"], stored["readers"]) != (seed, count, readers):
        raise SystemExit(f"'{out}' is the record of another run; name another file, or remove it.")
    for part in ("counts", "mutations"):
        stored[part] = {name: Counter(counter) for name, counter in stored[part].items()}
    return Record(**stored)


def _keep(out: Path | None, record: Record) -> None:
    if out is not None:
        temporary = out.with_name(f".{out.name}.{os.getpid()}")
        temporary.write_text(json.dumps(record.content(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        temporary.replace(out)
