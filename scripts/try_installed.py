"""Run README's swap and its density of water with the installed package: what a newcomer does first.

    python -m venv empty && empty/bin/pip install dist/*.whl && empty/bin/python scripts/try_installed.py

The code is read from README.md, so that it is what README says; only the file of molecules is made here. The package must
be the installed one: started in a checkout, Python finds this folder (scripts/) first and not the package beside it.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
MOLECULES = "smiles,y\nO,1.0\nC,2.0\nCO,3.0\nCC,4.0\nCCO,5.0\nCN,6.0\nC=O,7.0\nC#N,8.0\n"


def main() -> None:
    """Run the blocks of the section, in a folder of its own."""
    import deepchem_density

    checkout = Path(__file__).parents[1]
    if Path(deepchem_density.__file__).is_relative_to(checkout / "deepchem_density"):
        sys.exit(
            f"{deepchem_density.__file__} is the package of the checkout; install the wheel in an empty environment."
        )
    section = re.search(r"^## The swap\n(.*?)^## ", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^```python\n(.*?)^```$", section.group(1) if section else "", re.MULTILINE | re.DOTALL)
    if not blocks:
        sys.exit("README.md has no Python below 'The swap'.")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("my.csv").write_text(MOLECULES, encoding="utf-8")
        names: dict[str, object] = {}
        for block in blocks:
            exec(compile(block, str(README), "exec"), names)
        os.chdir(checkout)
    shape = names["dataset"].get_shape()[0]  # type: ignore[attr-defined]
    if shape != (8, 32, 32, 32, 1):
        sys.exit(f"A dataset of shape {shape} arrived from 8 molecules.")
    print(f"{deepchem_density.__file__}: {len(blocks)} blocks of README ran.")


if __name__ == "__main__":
    main()
