"""Write the list of files of OpenFE's benchmark systems, with size and SHA-256 of each, from a copy of them.

python scripts/make_openfe_list.py <clone>/openfe_benchmarks/data/benchmark_systems
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from deepchem_density.tables.openfe_files import LIST, WANTED

folder = Path(sys.argv[1])
files = sorted(path for system in folder.glob("*/*/protein.pdb") for path in system.parent.iterdir())
lines = [
    f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_size} {path.relative_to(folder).as_posix()}\n"
    for path in files
    if path.name in WANTED
]
LIST.write_text("".join(lines), encoding="ascii")
