"""The connection to workers: processes of this machine that end with this one, or those of a dask scheduler somewhere."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from deepchem_density.engine.cluster import Cluster
from deepchem_density.engine.local_workers import LocalWorkers
from deepchem_density.engine.tasks import ClusterError, Engine

__all__ = ["open_engine"]

SECONDS_TO_CONNECT = 15


@contextmanager
def open_engine(workers: int = 1, scheduler: str = "", hours: float = 24.0) -> Iterator[Engine]:
    """Start what runs tasks, and end it after the block.

    Parameters
    ----------
    workers : int
        Processes of this machine; 1 is this process.
    scheduler : str
        Address of a dask scheduler, whose workers then take the place of those.
    hours : float
        What a task may take in a worker, and an item of `Engine.map_in_order`.

    Raises
    ------
    ClusterError
        Nobody answers there, or another version of dask does.
    ImportError
        dask.distributed cannot be imported.
    ValueError
        ``workers`` is less than 1.
    """
    if workers < 1:
        raise ValueError(f"workers={workers} arrived; a whole number from 1 up is accepted.")
    if workers == 1 and not scheduler:
        yield Engine()
        return
    if scheduler and not re.fullmatch(r"(tcp|tls)://[^/]+:\d+", scheduler):
        raise ClusterError(f"scheduler={scheduler!r} arrived; an address such as tcp://host:8786 is accepted.")
    distributed = _distributed()
    seconds = 3600 * hours
    with _remote(distributed, scheduler, seconds) if scheduler else _local(distributed, workers, seconds) as engine:
        yield engine


def _distributed() -> Any:
    try:
        import dask
        import distributed
    except ImportError as error:
        raise ImportError(
            f'dask.distributed cannot be imported ({error}); pip install "distributed>=2025.1", or take --workers 1 and no '
            "--scheduler."
        ) from error
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters of lost workers is told here
    dask.config.set({"distributed.worker.profile.enabled": False})
    return distributed


@contextmanager
def _local(distributed: Any, n: int, seconds: float) -> Iterator[Engine]:
    """Start processes that nobody but this machine can reach."""
    with distributed.LocalCluster(
        n_workers=0,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # of the page that says whether it is well
        silence_logs=logging.CRITICAL,
    ) as cluster:
        workers = LocalWorkers(cluster.scheduler_address, n)
        try:
            with distributed.Client(cluster, set_as_default=False) as client:
                yield Cluster(client, seconds, look_after=workers.renew)
        finally:
            cluster.close()
            workers.end()


@contextmanager
def _remote(distributed: Any, address: str, seconds: float) -> Iterator[Engine]:
    try:
        client = distributed.Client(address, set_as_default=False, timeout=SECONDS_TO_CONNECT)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ClusterError(
            f"No scheduler answers at {address} ({reason}); start one with `dask scheduler`, or correct the address."
        ) from error
    try:
        theirs = client.get_versions(check=False)["scheduler"]["packages"].get("distributed")
        if theirs != distributed.__version__:
            raise ClusterError(
                f"The scheduler at {address} runs distributed {theirs}, this process {distributed.__version__}; install the same "
                "on both."
            )
        yield Cluster(client, seconds, address)
    finally:
        with suppress(Exception):  # the scheduler may be gone
            client.close(timeout=2)
