"""The two engines of xTB on molecules of growing size: which is faster, and from where on.

    python benchmarks/engines.py --save

Alkanes of 11 to 500 atoms, as RDKit makes them; seconds of a self-consistent field with GFN2-xTB, median of some repeats, one
engine right after the other. The setting engine="auto" rests on it.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from _results import report

from deepchem_density.fields import solve_xtb
from deepchem_density.structures import Structure, structure_from

CARBONS = (3, 8, 12, 16, 24, 33, 66, 100, 166)
ENGINES = ("xtb", "tblite")


def seconds(structure: Structure, engine: str, repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        solve_xtb(structure, engine)
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=max(CARBONS), help="most carbons")
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    rows = []
    for carbons in (n for n in CARBONS if n <= given.largest):
        structure = structure_from("C" * carbons)
        repeats = 7 if carbons < 50 else 3
        row = {"atoms": len(structure.numbers)}
        row |= {f"{engine}_ms": 1e3 * seconds(structure, engine, repeats) for engine in ENGINES}
        rows.append({**row, "tblite / xtb": row["tblite_ms"] / row["xtb_ms"]})
        print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    ratios = {f"tblite vs xtb, {row['atoms']} atoms": row["tblite / xtb"] for row in rows}
    report("engines", table, {}, ("deepchem-density", "xtb", "tblite"), given.save, ratios)


if __name__ == "__main__":
    main()
