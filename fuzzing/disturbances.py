"""Kills and full disks: ``python -m fuzzing.disturbances --seed 1 --kills 8``.

Commands are killed (SIGKILL) at random moments, or run where files may not grow, and then run to their end; what they leave must
be what an undisturbed run leaves.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SMALL = ("--n-train=200", "--n-valid=50", "--n-test=50", "--fractions=0.5,1", "--seeds=0", "--steps=20", "--widths=4,8")
COMMANDS = {
    "curve": ("curve", "--rep=atom", *SMALL, "--workers=2", "--n-jobs=1"),
    "featurize": ("featurize", "sample", "--rep=density", "--engine=xtb", "--n-jobs=2"),
}
TOLERANCE = 1e-12


def started(name: str, out: Path, largest: int | None = None) -> subprocess.Popen[str]:
    """Start a command; ``largest`` is how many bytes a file may take."""

    def limit() -> None:
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    command = [sys.executable, "-m", "deepchem_density.cli", *COMMANDS[name], f"--out={out}"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=limit)


def result(name: str, out: Path) -> dict[str, Any]:
    """Return what a command left, but for times."""
    if name == "curve":
        table = pd.read_csv(next(out.glob("*/table.csv")))
        return {column: table[column].tolist() for column in table if "seconds" not in column}
    from deepchem_density import open_featurized

    dataset = open_featurized(out, ["gap"], representation="density", box_width=12.0, voxel_width=1.0)
    return {
        "labels": dataset.y.tolist(),
        "ids": dataset.ids.tolist(),
        "voxels": np.asarray(dataset.X[:64]).ravel().tolist(),
    }


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Tell whether two results are equal, numbers within `TOLERANCE`."""
    if first.keys() != second.keys():
        return False
    for name, values in first.items():
        kept = pd.Series(values), pd.Series(second[name])
        if kept[0].dtype.kind == "f":
            if not np.allclose(*kept, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
                return False
        elif kept[0].fillna("").tolist() != kept[1].fillna("").tolist():
            return False
    return True


def killed(
    name: str, kills: int, longest: float, rng: random.Random, folder: Path, right: dict[str, Any]
) -> dict[str, Any]:
    """Kill a command again and again, let it end, and compare."""
    out, alive, hit = folder / f"{name}-killed", 0, 0
    for _ in range(kills):
        process = started(name, out)
        time.sleep(rng.uniform(0.2, 1.0) * longest)
        hit += process.poll() is None
        process.kill()
        process.communicate()
        time.sleep(5)
        alive += len(_of(out))
    _, said = started(name, out).communicate()
    return {
        "kills": hit,
        "workers alive after 5 s": alive,
        "same result": bool(same(result(name, out), right)),
        "said": said[-200:],
    }


def _of(out: Path) -> list[str]:
    """Return the processes that have a folder in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if str(out) in (entry / "cmdline").read_bytes().decode("utf-8", "replace"):
                    found.append(entry.name)
            except OSError:
                continue
    return found


def full(name: str, largest: int, folder: Path, right: dict[str, Any]) -> dict[str, Any]:
    """Run a command where no file may exceed a size, then with room, and compare."""
    out = folder / f"{name}-{largest}"
    process = started(name, out, largest)
    _, said = process.communicate()
    left = sorted(
        path.name for path in out.rglob("*") if ".part" in path.name or path.name.startswith("temp_checkpoint")
    )
    lines = said.strip().splitlines()
    status = process.returncode
    started(name, out).communicate()
    return {
        "bytes": largest,
        "status": status,
        "half-written files": left,
        "traceback": "Traceback" in said,
        "said": lines[-1][-300:].replace(str(folder), "") if lines else "",
        "same result": bool(same(result(name, out), right)),
    }


def main() -> int:
    """Disturb, compare, and write a record; return 1 if a result differed."""
    parser = argparse.ArgumentParser(prog="python -m fuzzing.disturbances", description=__doc__, allow_abbrev=False)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=8, help="of each command (default: 8)")
    parser.add_argument("--commands", default=",".join(COMMANDS), help="commands, with commas between them")
    parser.add_argument("--sizes", default="2000,100000", help="bytes that a file may have, one run each")
    parser.add_argument("--out", type=Path, help="record")
    options = parser.parse_args()
    rng, record = random.Random(options.seed), {"seed": options.seed}
    for name in options.commands.split(","):
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            begun = time.monotonic()
            started(name, folder / name).communicate()
            seconds = time.monotonic() - begun
            right = result(name, folder / name)
            record[name] = {"undisturbed seconds": round(seconds, 1), "sizes": []}
            record[name]["killed"] = killed(name, options.kills, seconds, rng, folder, right)
            print(name, record[name], flush=True)
            for size in filter(None, options.sizes.split(",")):
                record[name]["sizes"].append(full(name, int(size), folder, right))
                print(name, record[name]["sizes"][-1], flush=True)
        if options.out is not None:
            options.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + os.linesep, encoding="utf-8")
    results = [one for part in record.values() if isinstance(part, dict) for one in (part["killed"], *part["sizes"])]
    return int(not all(one["same result"] for one in results))


if __name__ == "__main__":
    raise SystemExit(main())
