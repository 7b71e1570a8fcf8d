"""A folder in PDBbind's layout as a table of complexes, labelled from its INDEX files."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepchem_density.files import is_file, is_folder
from deepchem_density.tables.complex_table import ComplexTable
from deepchem_density.tables.pdbbind_index import label_disagreements, read_indexes, read_uniprot

__all__ = ["PK_UNIT", "find_indexes", "read_pdbbind_folder"]

logger = logging.getLogger(__name__)

PK_UNIT = "-log10(M)"
NESTING = 3
"""Levels of folders that are searched for complexes: sets may stand in a folder of their own, with the code below."""

_LIGANDS = (".sdf", ".mol2")
_GROUPS = ("year", "resolution", "measure", "relation", "molar", "cluster", "note")
_INDEX_FOLDERS = ("", "index", "*/index")
_NO_AFFINITIES = re.compile(r"_name\b|_(PP|PN|NL)\b")


def read_pdbbind_folder(
    folder: str | os.PathLike[str],
    protein: str = "pocket",
    index: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
    exact: bool = True,
) -> ComplexTable:
    """Return the complexes of a folder with ``<id>/<id>_ligand.sdf`` and ``<id>/<id>_pocket.pdb``.

    Parameters
    ----------
    folder : path
        Holds the folders of the complexes, or sets of them such as refined-set/, v2020-other-PL/ and v2013-core/, three
        levels at most.
    protein : "pocket" or "protein"
        Which receptor file to take; a complex that has only the other one is left out.
    index : path or sequence of paths, optional
        INDEX files with the labels, the most trusted first. By default all in ``folder``, in a folder "index" in it, in
        one of its sets or beside it, the newest first, general before refined before core lists.
    exact : bool
        Leave out labels that are bounds or estimates ("<", ">", "~").

    Returns
    -------
    ComplexTable
        Ids are the names of the complexes' folders. Task "pK" in -log10(M), computed from the measurement. Groups: "pdb",
        "set" (names of the sets that hold it, joined by "|"; complexes in
        ``folder`` itself bear its name), year, resolution (Å), measure
        ("Kd", "Ki", "IC50"), relation, molar, cluster, note; see `read_index`. Where there is an INDEX file of names, such
        as INDEX_general_PL_name.2020, also "uniprot", "" where it is not known. `left_out` names every complex without
        label or file, and why.

    Raises
    ------
    ValueError
        If there is no such folder, no complex or no INDEX file in it, a line of it cannot be read, or no complex is left.

    Notes
    -----
    A ligand's .sdf is taken where there is one, its .mol2 otherwise: RDKit's sanitization, which a tenth of PDBbind's
    ligands fail, is not needed for elements and positions.
    """
    folder = Path(folder)
    if protein not in ("pocket", "protein"):
        raise ValueError(f"protein={protein!r} arrived; accepted: 'pocket', 'protein'.")
    if is_file(folder):
        raise ValueError(f"The file '{folder}' arrived; the folder with PDBbind's complexes is accepted.")
    if not is_folder(folder):
        raise ValueError(f"There is no folder '{folder}'; give one with PDBbind's complexes.")
    found = _complex_folders(folder)
    if not found:
        raise ValueError(
            f"'{folder}' holds no complexes; folders such as 1abc/ with 1abc_ligand.sdf and 1abc_{protein}.pdb are read, "
            f"{NESTING} levels deep at most."
        )
    labels = _labels(folder, index)
    rows, left_out = [], []
    for name, places in sorted(found.items()):
        files, missing = _files(name, places, protein)
        reason = missing or _label_trouble(labels, name, exact)
        if reason:
            left_out.append((name, reason))
        else:
            rows.append({"id": name, "set": _set_names(folder, places), **files})
    logger.info("%d complexes in '%s', %d left out", len(rows), folder, len(left_out))
    if not rows:
        raise ValueError(f"None of {len(left_out)} complexes in '{folder}' can be used; the first: {left_out[0]}.")
    return _table(pd.DataFrame(rows), labels, _uniprot(folder), tuple(left_out), str(folder))


def find_indexes(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the INDEX files with affinities in a folder, its index folders or an index folder beside it.

    The newest come first, and of one year general lists before refined before core ones.
    """
    files = _index_files(folder, "INDEX_*") | _index_files(folder, "*CoreSet.dat")
    return sorted((file for file in files if not _NO_AFFINITIES.search(file.name)), key=_trust)


def _index_files(folder: str | os.PathLike[str], pattern: str) -> set[Path]:
    folder = Path(folder).resolve()
    places = [place for where in _INDEX_FOLDERS for place in ([folder] if not where else folder.glob(where))]
    return {file for place in [*places, folder.parent / "index"] for file in place.glob(pattern) if file.is_file()}


def _uniprot(folder: Path) -> dict[str, str]:
    """Return code -> accession from all INDEX files of names; the newest counts where they differ."""
    files = {file for pattern in ("INDEX_*_PL_name*", "INDEX_refined_name*") for file in _index_files(folder, pattern)}
    accessions: dict[str, str] = {}
    for file in sorted(files, key=_trust, reverse=True):
        accessions |= read_uniprot(file).to_dict()
    return accessions


def _trust(file: Path) -> tuple[int, int, int, str]:
    """Sort key: newer, more general, with a -log10 column to check against, then by name."""
    year = re.search(r"(20\d\d)", file.name)
    kinds = ("general", "refined", "core")
    kind = next((place for place, word in enumerate(kinds) if word in file.name.lower()), len(kinds))
    return -int(year[1]) if year else 0, kind, int("_data" not in file.name), str(file)


def _labels(folder: Path, index: Any) -> pd.DataFrame:
    """Return the joined INDEX files, saying where a file disagrees with itself."""
    given = [index] if isinstance(index, (str, os.PathLike)) else list(index)
    files = given or find_indexes(folder)
    if not files:
        raise ValueError(
            f"There is no INDEX file with affinities in '{folder}', its index folders or '{folder.parent / 'index'}'; put "
            "INDEX_general_PL_data.2020 or the like there, or name it with index=."
        )
    labels = read_indexes(files)
    wrong = label_disagreements(labels)
    if len(wrong):
        shown = ", ".join(f"{code}: {row.measurement}, {row.pK_file}" for code, row in wrong.head(5).iterrows())
        logger.warning("%d labels differ from the measurement beside them, which counts (%s)", len(wrong), shown)
    return labels


def _complex_folders(folder: Path) -> dict[str, list[Path]]:
    """Return name -> folders of each complex."""
    found: dict[str, list[Path]] = {}
    for place in _walk(folder, NESTING):
        found.setdefault(place.name, []).append(place)
    return found


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        if re.fullmatch(r"[0-9][0-9A-Za-z]{3}", place.name) or any(place.glob(f"{_plain(place.name)}_ligand.*")):
            yield place
        elif depth > 1 and place.name not in ("index", "readme"):
            yield from _walk(place, depth - 1)


def _plain(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _files(name: str, places: list[Path], protein: str) -> tuple[dict[str, str], str]:
    """Return the ligand and protein file of the first place that has both, or what is missing."""
    missing = ""
    for place in places:
        ligand = next((file for end in _LIGANDS if (file := place / f"{name}_ligand{end}").is_file()), None)
        receptor = place / f"{name}_{protein}.pdb"
        if ligand is not None and receptor.is_file():
            return {"ligand": str(ligand), "protein": str(receptor)}, ""
        absent = f"{name}_ligand.sdf or .mol2" if ligand is None else receptor.name
        missing = missing or f"there is no {absent} in '{place}'"
    return {}, missing


def _label_trouble(labels: pd.DataFrame, name: str, exact: bool) -> str:
    code = name.lower()
    if code not in labels.index:
        return "no INDEX file lists it"
    relation = labels.at[code, "relation"]
    if exact and relation not in ("=", ""):
        return f"its label is not exact: {labels.at[code, 'measurement']}"
    return ""


def _set_names(folder: Path, places: list[Path]) -> str:
    names = (place.parent.relative_to(folder).as_posix() for place in places)
    return "|".join(folder.resolve().name if name == "." else name for name in names)


def _table(
    rows: pd.DataFrame,
    labels: pd.DataFrame,
    uniprot: dict[str, str],
    left_out: tuple[tuple[str, str], ...],
    source: str,
) -> ComplexTable:
    codes = rows["id"].str.lower()
    of = labels.loc[codes]
    groups = {"pdb": codes.to_numpy(dtype=np.str_), "set": rows["set"].to_numpy(dtype=np.str_)}
    for name in _GROUPS:
        values = of[name].to_numpy()
        groups[name] = values.astype(np.str_) if values.dtype == object or of[name].dtype == "str" else values
    if uniprot:
        groups["uniprot"] = np.array([uniprot.get(code, "") for code in codes], dtype=np.str_)
    return ComplexTable(
        ids=rows["id"].to_numpy(dtype=np.str_),
        ligands=rows["ligand"].to_numpy(dtype=np.str_),
        proteins=rows["protein"].to_numpy(dtype=np.str_),
        labels=of[["pK"]].to_numpy(dtype=np.float64),
        tasks=("pK",),
        units={"pK": PK_UNIT},
        groups=groups,
        left_out=left_out,
        source=source,
    )
