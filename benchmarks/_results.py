"""Where a benchmark's numbers go: a printed table, and with --save a .csv of it and a .json with the circumstances."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd
import torch

RESULTS = Path(__file__).parent / "results"


def circumstances(packages: Sequence[str]) -> dict[str, object]:
    """Return what a reader needs to judge a timing: command, versions, processor, threads, load and date."""
    command = shlex.join([Path(sys.executable).name, *(Path(part).name for part in sys.argv[:1]), *sys.argv[1:]])
    return {
        "command": command.replace(str(Path.home()), "~"),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_average": os.getloadavg()[0],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in packages},
    }


def processor() -> str:
    """Return the model of the processor as the system calls it."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def report(
    name: str,
    table: pd.DataFrame,
    notes: dict[str, object],
    packages: Sequence[str],
    save: bool,
    ratios: dict[str, float] | None = None,
) -> None:
    """Print a table, ratios and notes, and write all of it to benchmarks/results where asked to.

    Ratios are medians of one run: how many times as long the other took, or a longer job of ours.
    """
    print()
    print(table.to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    print()
    for key, value in {**(ratios or {}), **notes}.items():
        print(f"{key}: {value:.4g}" if isinstance(value, float) else f"{key}: {value}")
    if save:
        RESULTS.mkdir(exist_ok=True)
        table.to_csv(RESULTS / f"{name}.csv", index=False, float_format="%.6g")
        record = {**circumstances(packages), "ratios": ratios or {}, "notes": notes, "rows": table.to_dict("records")}
        (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        print(f"saved: {RESULTS / name}.csv and .json")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
