"""Cube files as text."""

from __future__ import annotations

import numpy as np

STEPS = np.array([[0.4, 0.1, 0.0], [0.0, 0.5, -0.1], [0.05, 0.0, 0.3]])
"""Columns are the steps, in the unit of the file."""


def cube_text(
    values: np.ndarray,
    atoms: str = "    8    8.000000    0.1 0.2 0.3\n",
    natoms: int = 1,
    sign: int = 1,
    extra: str = "",
    index: str = "",
    form: str = "{: .5E} ",
) -> str:
    counts = values.shape[:3]
    lines = [f"{sign * n:5d} " + " ".join(f"{x:.6f}" for x in step) for n, step in zip(counts, STEPS.T, strict=True)]
    head = f"comment\n another\n {natoms} 1.0 -2.0 0.5{extra}\n" + "\n".join(lines) + "\n" + atoms + index
    rows = values.reshape(-1, values.shape[2] * (values.shape[3] if values.ndim == 4 else 1))
    body = ""
    for row in rows:
        words = [form.format(value) for value in row]
        body += "\n".join("".join(words[i : i + 6]) for i in range(0, len(words), 6)) + "\n"
    return head + body
