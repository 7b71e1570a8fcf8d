"""Dask workers on this machine: fresh processes that never import the caller's script, and end with it, killed or not."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

from deepchem_density.engine.tasks import ClusterError
from deepchem_density.workers import ONE_THREAD, end_with_parent

__all__ = ["LocalWorkers"]

SECONDS_TO_END = 2.0
STARTS = 3
"""How often each is started before any is there."""


class LocalWorkers:
    """Processes that work for a scheduler in this one.

    Parameters
    ----------
    address : str
        Of the scheduler.
    n : int
        How many.

    Notes
    -----
    Dask's own nannies do not replace a worker that dies at the moment when it has just started [1]_; these are looked after by
    whoever runs the tasks.

    References
    ----------
    .. [1] distributed 2026.8, ``Nanny._on_worker_exit`` while the status is ``starting``.
    """

    def __init__(self, address: str, n: int) -> None:
        self._address = address
        self._processes = [self._start() for _ in range(n)]
        self._in_vain = 0

    def renew(self, any_there: bool) -> None:
        """Replace those that have ended; raise ClusterError where they end again and again before they are there."""
        ended = sum(one.poll() is not None for one in self._processes)
        self._in_vain = 0 if any_there else self._in_vain + ended
        if self._in_vain > STARTS * len(self._processes):
            raise ClusterError("Worker processes end before they begin; take --workers 1.")
        self._processes = [self._start() if one.poll() is not None else one for one in self._processes]

    def end(self) -> None:
        """End all; those that have no scheduler any more end by themselves."""
        end = time.monotonic() + SECONDS_TO_END
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, end - time.monotonic()))
            process.kill()
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join(path for path in sys.path if path)
        environment = os.environ | ONE_THREAD | {"PYTHONPATH": paths}
        command = [sys.executable, "-m", __name__, self._address, str(os.getpid())]
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)


async def _work(address: str) -> None:
    from distributed import Worker

    dashboard = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}  # of the page that says whether it is well
    async with Worker(address, nthreads=1, memory_limit=None, host="127.0.0.1", **dashboard) as worker:
        await worker.finished()


def _main(address: str, parent: int) -> None:
    import logging

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the terminal sends to all
    end_with_parent(parent)
    import dask
    import distributed  # noqa: F401 - it sets its loggers

    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    dask.config.set({"distributed.worker.profile.enabled": False})
    with suppress(OSError, asyncio.CancelledError):  # the scheduler is gone
        asyncio.run(_work(address))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
