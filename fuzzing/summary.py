"""Shortens a record for the repository and prints it as a table: ``python -m fuzzing.summary record.json short.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fuzzing.outcome import CLEAR, FAULTS, RIGHT, UNCHECKED

COLUMNS = (RIGHT, UNCHECKED, CLEAR, *FAULTS)


def shortened(record: dict) -> dict:
    """Return the record with one example of each kind of fault, and without the names of temporary folders."""
    kept = {(fault["reader"], fault["mutation"], fault["kind"]): fault for fault in reversed(record["faults"])}
    faults = [fault | {"detail": fault["detail"].partition("/dev/shm/")[0][:120]} for fault in reversed(kept.values())]
    return {**record, "done": len(record["done"]), "faults": faults}


def table(record: dict) -> str:
    """Return counts by reader in Markdown."""
    rows = [["reader", *COLUMNS], ["---", *["---:"] * len(COLUMNS)]]
    for name, counts in (*sorted(record["counts"].items()), ("all", record["totals"])):
        rows.append([name, *(f"{counts.get(column, 0):,}" for column in COLUMNS)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    whole = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Path(sys.argv[2]).write_text(json.dumps(shortened(whole), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(table(whole))
