"""The files of OpenFE's benchmark systems: which they are, where they come from, and whether they are the published ones."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import NamedTuple

from deepchem_density.downloads import download
from deepchem_density.files import cache_folder, is_folder, replacing
from deepchem_density.progress import progress_of

__all__ = [
    "COMMIT",
    "LIST",
    "REPOSITORY",
    "SYSTEMS",
    "WANTED",
    "PublishedFile",
    "differing",
    "fetch_openfe",
    "published",
    "systems_folder",
]

logger = logging.getLogger(__name__)

REPOSITORY = "OpenFreeEnergy/openfe-benchmarks"
COMMIT = "87c55d688c36213c3f499389abd328c6c474bcaa"
SYSTEMS = "openfe_benchmarks/data/benchmark_systems"
"""The folder of the systems in the repository."""

LIGANDS, PROTEIN, LABELS, COFACTORS = "ligands.sdf", "protein.pdb", "experimental_binding_data.json", "cofactors.sdf"
WANTED = (LIGANDS, PROTEIN, LABELS, COFACTORS)
"""Files of a system; only some have cofactors."""
UNIT = "kilocalories_per_mole"
"""Of the affinities."""

OTHERWISE = f"clone {REPOSITORY} and pass its folder as data_dir"

LIST = Path(__file__).parent.parent / "data" / "openfe_files.txt"


class PublishedFile(NamedTuple):
    """A file at the commit."""

    sha256: str
    size: int
    path: str


def published() -> list[PublishedFile]:
    """Return the files of the 57 systems at the commit, with paths such as "jacs_set/mcl1/ligands.sdf"."""
    rows = (line.split(" ", 2) for line in LIST.read_text(encoding="ascii").splitlines())
    return [PublishedFile(sha256, int(size), path) for sha256, size, path in rows]


def differing(folder: Path) -> list[str]:
    """Return the paths of published files that a folder lacks, or has with another content."""
    return [one.path for one in published() if not _is_right(folder / one.path, one)]


def fetch_openfe(folder: str | os.PathLike[str] = "", url: str = "", timeout: float = 60.0) -> Path:
    """Download OpenFE's benchmark systems (MIT licence): 57 systems, 885 ligands with measured affinities, 30 MB.

    Parameters
    ----------
    folder : path
        Where they go; by default a folder in `deepchem_density.files.cache_folder`. What is there already and is
        right is not fetched again, so that a download that broke off goes on.
    url : str
        Of another server, below which are folders such as jacs_set/mcl1/; by default GitHub, at the commit ``COMMIT``.
    timeout : float
        Seconds without an answer.

    Returns
    -------
    Path
        Of the folder. Each file in it has the size and the SHA-256 that `published` lists.

    Raises
    ------
    ValueError
        No such form of address.
    FileNotFoundError
        The server lacks a file.
    ConnectionError
        No answer, or a file that is not the published one.
    """
    place = Path(folder) if folder else cache_folder() / f"openfe_benchmarks-{COMMIT[:7]}"
    address = url or f"https://raw.githubusercontent.com/{REPOSITORY}/{COMMIT}/{SYSTEMS}"
    if not address.startswith(("https://", "http://")):
        raise ValueError(f"url={url!r} arrived; an address that begins with https:// is accepted.")
    missing = [one for one in published() if not _is_right(place / one.path, one)]
    if not missing:
        return place
    size = sum(one.size for one in missing)
    logger.warning("Fetching %d files (%.0f MB) of %s into '%s'", len(missing), size / 1e6, REPOSITORY, place)
    for one in progress_of(missing, doing="fetching", unit="files"):
        _fetch(f"{address}/{one.path}", place / one.path, one, timeout)
    return place


def systems_folder(folder: Path) -> Path:
    """Return the folder of the systems: the one given, or the one in a clone of the repository."""
    return folder / SYSTEMS if is_folder(folder / SYSTEMS) else folder


def _fetch(address: str, path: Path, expected: PublishedFile, timeout: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        download(address, temporary, OTHERWISE, timeout)
        if not _is_right(temporary, expected):
            raise ConnectionError(
                f"{address} gave {temporary.stat().st_size:,} bytes that are not the {expected.size:,} of commit {COMMIT[:7]} "
                f"(their SHA-256 is not {expected.sha256[:12]}...); try again, or {OTHERWISE}."
            )


def _is_right(path: Path, expected: PublishedFile) -> bool:
    """Return whether a file is there and is the published one."""
    try:
        if path.stat().st_size != expected.size:
            return False
        return hashlib.sha256(path.read_bytes()).hexdigest() == expected.sha256
    except FileNotFoundError:
        return False
