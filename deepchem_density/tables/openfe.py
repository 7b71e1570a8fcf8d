"""OpenFE's benchmark systems as a table of complexes: modelled poses, measured affinities, one receptor a system."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from deepchem_density.files import (
    cache_folder,
    check_writable,
    digest,
    is_file,
    is_folder,
    read_json,
    write_csv,
    write_text,
)
from deepchem_density.settings import is_number
from deepchem_density.structures.cofactors import with_cofactors
from deepchem_density.structures.sdf import sdf_records
from deepchem_density.structures.text_files import read_text
from deepchem_density.tables.complex_table import ComplexTable
from deepchem_density.tables.labelled_complexes import load_complexes
from deepchem_density.tables.openfe_files import (
    COFACTORS,
    COMMIT,
    LABELS,
    LIGANDS,
    PROTEIN,
    UNIT,
    WANTED,
    differing,
    fetch_openfe,
    published,
    systems_folder,
)

__all__ = ["KCAL_PER_PK", "load_openfe"]

logger = logging.getLogger(__name__)

KCAL_PER_PK = 1.364
"""kcal/mol: R T ln 10 at 298 K. pK = -ΔG / 1.364, of the dissociation constant in mol/L."""

LAYOUT = 1
"""Of the prepared folder; raise it when what is written there changes."""
DECIMALS = 4


def load_openfe(data_dir: str | os.PathLike[str] = "", targets: str | Sequence[str] = "pK") -> ComplexTable:
    """Return OpenFE's benchmark systems: 885 ligands in modelled poses in 57 receptors, with measured affinities.

    Parameters
    ----------
    data_dir : path
        A clone of OpenFreeEnergy/openfe-benchmarks, or its folder of systems, with <set>/<system>/protein.pdb, ligands.sdf,
        experimental_binding_data.json and, of some, cofactors.sdf. By default the systems are downloaded as
        `fetch_openfe` does.
    targets : str or sequence of str
        "pK" in -log10(M), which is -ΔG / 1.364 (298 K), or "dG" in kcal/mol.

    Returns
    -------
    ComplexTable
        Ids are <set>/<system>/<ligand>. All ligands of a system share its receptor: the whole protein with its waters and
        ions, and its cofactors. Groups: "set", "system", "inchikey" and "reference". `left_out` names ligands without a
        measured affinity.

    Raises
    ------
    ValueError
        No such folder, no system in it, or an affinity that is no number in kcal/mol.
    ConnectionError, FileNotFoundError
        As of `fetch_openfe`.

    Notes
    -----
    Cite Ross et al., Commun. Chem. 2023, doi:10.1038/s42004-023-01019-9, and github.com/OpenFreeEnergy/openfe-benchmarks.

    Each ligand and each receptor gets a file of its own, in a folder of the cache that is named after the content of the
    sources and made once. Systems of one protein occur in several sets, partly with the same ligands: by 90 % sequence
    identity the 57 systems are of 38 proteins. A split by system puts them into training and test set; one by clusters of
    sequences does not.
    """
    place = systems_folder(Path(data_dir)) if data_dir else fetch_openfe()
    if not is_folder(place):
        raise ValueError(
            f"There is no folder '{place}'; give one with OpenFE's systems, or none to have them downloaded."
        )
    systems = _systems(place)
    if not systems:
        raise ValueError(
            f"'{place}' holds no systems; folders such as jacs_set/mcl1/ with {PROTEIN}, {LIGANDS} and {LABELS} are read."
        )
    if others := differing(place):
        n_files = len(published())
        logger.warning(
            "%d of the %d files of OpenFE's commit %s are missing in '%s' or differ, the first: %s; numbers are of the data "
            "that are there",
            *(len(others), n_files, COMMIT[:7], place, others[0]),
        )
    return load_complexes(_prepared(place, systems) / "complexes.csv", targets, units={"dG": "kcal/mol"})


def _systems(place: Path) -> list[str]:
    """Return the systems that are complete, such as "jacs_set/mcl1"."""
    found = sorted(path.parent for path in place.glob(f"*/*/{LABELS}"))
    complete = [folder for folder in found if is_file(folder / PROTEIN) and is_file(folder / LIGANDS)]
    if len(complete) < len(found):
        left = [folder.relative_to(place).as_posix() for folder in found if folder not in complete]
        logger.info("%d systems have no %s or no %s and are left out: %s", len(left), PROTEIN, LIGANDS, ", ".join(left))
    return [folder.relative_to(place).as_posix() for folder in complete]


def _prepared(place: Path, systems: list[str]) -> Path:
    """Return a folder with a file for each ligand and receptor, and a csv of them; made where it is not there."""
    sources = [f"{system}/{name}" for system in systems for name in WANTED if is_file(place / system / name)]
    content = {source: hashlib.sha256((place / source).read_bytes()).hexdigest() for source in sources}
    folder = cache_folder() / f"openfe-{digest([LAYOUT, content])}"
    if is_file(folder / "complexes.csv"):
        return folder
    making = folder.with_name(f".{uuid.uuid4().hex}.part")
    check_writable(making / "complexes.csv")
    try:
        rows = [row for system in systems for row in _written(place / system, making, system)]
        write_csv(making / "complexes.csv", pd.DataFrame(rows))
        try:
            making.rename(folder)
        except OSError:
            if not is_file(folder / "complexes.csv"):  # else somebody else was quicker
                raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def _written(source: Path, folder: Path, system: str) -> Iterator[dict[str, Any]]:
    """Write the files of a system, and yield a row for each ligand, and for each affinity without one."""
    (folder / system).mkdir(parents=True)
    receptor = read_text(source / PROTEIN)
    if is_file(source / COFACTORS):
        receptor = with_cofactors(receptor, read_text(source / COFACTORS), f"{system}/{COFACTORS}")
    write_text(folder / system / PROTEIN, receptor)
    labels = _labels(source / LABELS)
    names: set[str] = set()
    for record in sdf_records(read_text(source / LIGANDS)):
        if not record.text.strip():
            continue
        name = record.name
        if not name or name in names:
            name = f"{name} (record {record.place + 1})".strip()
        names.add(name)
        ligand = f"{system}/{len(names):03d}_{re.sub('[^A-Za-z0-9.+-]+', '_', name)}_ligand.sdf"
        write_text(folder / ligand, f"{record.text.rstrip()}\n\n$$$$\n")
        yield _row(system, name, ligand, labels.get(name, {}))
    yield from (_row(system, name, "", about) for name, about in labels.items() if name not in names)


def _row(system: str, name: str, ligand: str, about: Mapping[str, Any]) -> dict[str, Any]:
    row = {"id": f"{system}/{name}", "ligand": ligand, "protein": f"{system}/{PROTEIN}", "pK": "", "dG": ""}
    row |= {"set": system.split("/")[0], "system": system}
    return {**row, "inchikey": "", "reference": "", **about}


def _labels(path: Path) -> dict[str, dict[str, Any]]:
    """Return ligand -> pK, dG, InChIKey and reference."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError(f"'{path}' holds no {{ligand: affinity}}; get it again.")
    found: dict[str, dict[str, Any]] = {}
    for name, about in content.items():
        energy: Any = about.get("dg") if isinstance(about, dict) else None
        value: Any = energy.get("magnitude") if isinstance(energy, dict) and energy.get("unit") == UNIT else None
        if not is_number(value) or not math.isfinite(value):
            raise ValueError(
                f"'{path}' gives {str(energy)[:80]} as dg of {name!r}; a finite magnitude in {UNIT} is accepted: correct it."
            )
        texts = {key: str(about.get(key, "")) for key in ("inchikey", "reference")}
        found[name] = {"pK": round(-value / KCAL_PER_PK, DECIMALS), "dG": round(value, DECIMALS), **texts}
    return found
