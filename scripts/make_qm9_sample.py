"""Draw the sample of QM9 that comes with the package: python scripts/make_qm9_sample.py.

Needs qm9pack==1.0.3 (pip install "deepchem-density[qm9]"). The same versions of numpy and zlib write the same bytes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from deepchem_density import load_qm9
from deepchem_density.tables import QM9_TASKS, QM9_UNITS

SIZE = 2000
SEED = 2014


def main() -> None:
    """Write deepchem_density/data/qm9_sample.npz."""
    everything = load_qm9()
    table = replace(everything, labels=everything.columns(QM9_TASKS), tasks=QM9_TASKS, units=QM9_UNITS)
    picked = np.sort(np.random.default_rng(SEED).choice(len(table), SIZE, replace=False))
    path = Path(__file__).parents[1] / "deepchem_density" / "data" / "qm9_sample.npz"
    table.subset(picked).save(path)
    print(f"{path}: {SIZE} molecules, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
