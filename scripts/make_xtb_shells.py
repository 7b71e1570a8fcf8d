"""Write deepchem_density/data/xtb_shells.json: the Slater shells of GFN1-xTB and GFN2-xTB, from tblite's own export.

Run ``python scripts/make_xtb_shells.py`` with tblite installed. Each element has its number of valence electrons and its
shells in the order of the engine: name, Slater exponent (1/bohr), number of Gaussians of the expansion.
"""

from __future__ import annotations

import json
from pathlib import Path

import tblite.library as library

TARGET = Path(__file__).parents[1] / "deepchem_density" / "data" / "xtb_shells.json"


def elements(export) -> dict[str, dict]:
    """Return {element: {"electrons": n, "shells": [[shell, exponent, n_gaussians], ...]}} of one parametrization."""
    parametrization, table = library.new_param(), library.new_table()
    export(parametrization)
    library.dump_param(parametrization, table)
    return {
        symbol: {
            "electrons": round(sum(entry["refocc"])),
            "shells": [list(shell) for shell in zip(entry["shells"], entry["slater"], entry["ngauss"], strict=True)],
        }
        for symbol, entry in library.table_to_dict(table)["element"].items()
    }


def main() -> None:
    """Write the table, one element a line."""
    methods = {"GFN2-xTB": library.export_gfn2_param, "GFN1-xTB": library.export_gfn1_param}
    blocks = []
    for method, export in methods.items():
        rows = ",\n".join(f'    "{symbol}": {json.dumps(entry)}' for symbol, entry in elements(export).items())
        blocks.append(f'  "{method}": {{\n{rows}\n  }}')
    TARGET.write_text("{\n" + ",\n".join(blocks) + "\n}\n")


if __name__ == "__main__":
    main()
