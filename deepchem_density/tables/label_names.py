"""Names of label columns in letters that MLflow takes for metrics and every file system for files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from deepchem_density.files import digest

__all__ = ["metric_names"]

LONGEST = 100
"""MLflow takes 250, of which the names of curve, model and metric need some; file systems take 255 bytes."""

_OTHERS = re.compile(r"[^A-Za-z0-9_. -]+")


def metric_names(labels: Sequence[str]) -> dict[str, str]:
    """Return label -> name, different for different labels, for metrics and files.

    Letters, digits, ``_``, ``-``, ``.`` and single blanks stay, so that most labels are their own name; what stands between
    others becomes a hyphen: "logD@7.4" is "logD-7.4", "pIC50(nM)" is "pIC50-nM", and none begins or ends with one or with a
    point. Where two labels would share a name, or a name would be empty or longer than 100 letters, ten letters that stand
    for the label follow.
    """
    plain = {label: _plain(label) for label in labels}
    taken = {label for label in plain if plain[label] == label}
    names: dict[str, str] = {}
    for label, name in plain.items():
        clashes = name != label and (name in taken or sum(other == name for other in plain.values()) > 1)
        if clashes or not name:
            name = f"{name}-{digest(label)}" if name else f"label-{digest(label)}"
        names[label] = name
    return names


def _plain(label: str) -> str:
    text = _OTHERS.sub("-", unicodedata.normalize("NFKD", label))
    text = re.sub(" +", " ", text).strip("-. ")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 11].rstrip('-. ')}-{digest(label)}"
