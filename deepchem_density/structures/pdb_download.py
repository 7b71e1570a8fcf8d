"""What the Protein Data Bank offers of an entry: coordinates, density maps and map coefficients, downloaded once."""

from __future__ import annotations

import gzip
import logging
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from deepchem_density.downloads import download
from deepchem_density.files import replacing

__all__ = ["PDB_FILES", "fetch_pdb"]

logger = logging.getLogger(__name__)

MTZ_MAGIC = b"MTZ "
CCP4_MAGIC, CCP4_MAGIC_AT = b"MAP ", 208
CHUNK = 1 << 20
IF_GONE = "check the code. An entry without deposited diffraction data has no map."


class _File(NamedTuple):
    """Where a kind of file comes from, what it is called here, and a test of its content."""

    url: str
    name: str
    is_right: Callable[[Path], bool]


def fetch_pdb(
    code: str, folder: str | os.PathLike[str], kind: str = "structure", url: str = "", timeout: float = 60.0
) -> Path:
    """Download a file of an entry of the Protein Data Bank, unless it is already there.

    Parameters
    ----------
    code : str
        Of the entry, four characters such as "3nzd".
    folder : path
        Where the file goes; made if it is not there. Delete a file in it to have it fetched again.
    kind : str
        - "structure": coordinates, ``<code>.cif.gz``, from the RCSB;
        - "map", "difference_map": 2mFo-DFc and mFo-DFc on a grid, ``<code>.ccp4`` and ``<code>_diff.ccp4``, from PDBe;
        - "coefficients", "difference_coefficients": amplitudes and phases of these maps as in the validation report,
          ``<code>_2fo-fc.cif.gz`` and ``<code>_fo-fc.cif.gz``, from the wwPDB;
        - "pdb_redo": amplitudes and phases of the model as PDB-REDO refined it, ``<code>_final.mtz``.

        Maps exist for most crystal structures whose diffraction data were deposited. All but structures are read by
        `read_map`.
    url : str
        Address on another server, with {code} for the code in small letters; by default that in ``PDB_FILES``.
    timeout : float
        Seconds without an answer; a download that has not ended after an hour is given up in any case.

    Returns
    -------
    Path
        Of the file, which is complete: it takes its name only after its content was found to be of its kind.

    Raises
    ------
    ValueError
        No such kind, no such form of code or address.
    FileNotFoundError
        The server has no such file: no such entry, or none with a map.
    ConnectionError
        No answer, or one that is incomplete, larger than 2 GiB, or something else, such as a web page; a server that sends
        elsewhere but to https.
    """
    if kind not in PDB_FILES:
        raise ValueError(f"kind={kind!r} arrived; {', '.join(map(repr, PDB_FILES))} are accepted.")
    name = str(code).strip().lower()
    if not re.fullmatch("[0-9][0-9a-z]{3}", name):
        raise ValueError(f"code={code!r} arrived; a digit and three letters or digits, such as '3nzd', are accepted.")
    address = (url or PDB_FILES[kind].url).replace("{code}", name)
    if not address.startswith(("https://", "http://")) or name not in address.lower():
        raise ValueError(f"url={url!r} arrived; an address that begins with https:// and holds {{code}} is accepted.")
    path = Path(folder) / PDB_FILES[kind].name.format(code=name)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        instead = f"download the file in another way and save it as '{path}'"
        download(address, temporary, instead, timeout, IF_GONE)
        if not PDB_FILES[kind].is_right(temporary):
            raise ConnectionError(
                f"{address} gave no {kind.replace('_', ' ')} but something that begins with {_head(temporary, 40)!r}; open the "
                "address in a browser to see what it is, or pass another url=."
            )
    logger.info("Fetched %s", address)
    return path


def _head(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


def _is_cif(path: Path) -> bool:
    """Return whether this is a whole gzipped file with a CIF data block."""
    try:
        with gzip.open(path) as file:
            begins = re.search(rb"^data_\S", file.read(CHUNK), re.MULTILINE)
            while file.read(CHUNK):  # to its end, where the checksum is
                pass
    except (OSError, EOFError, zlib.error):
        return False
    return begins is not None


def _is_ccp4(path: Path) -> bool:
    return _head(path, CCP4_MAGIC_AT + len(CCP4_MAGIC))[CCP4_MAGIC_AT:] == CCP4_MAGIC


def _is_mtz(path: Path) -> bool:
    return _head(path, len(MTZ_MAGIC)) == MTZ_MAGIC


_VALIDATION = "https://files.wwpdb.org/validation/download/{code}_validation_"

PDB_FILES: dict[str, _File] = {
    "structure": _File("https://files.rcsb.org/download/{code}.cif.gz", "{code}.cif.gz", _is_cif),
    "map": _File("https://www.ebi.ac.uk/pdbe/entry-files/{code}.ccp4", "{code}.ccp4", _is_ccp4),
    "difference_map": _File("https://www.ebi.ac.uk/pdbe/entry-files/{code}_diff.ccp4", "{code}_diff.ccp4", _is_ccp4),
    "coefficients": _File(f"{_VALIDATION}2fo-fc_map_coef.cif.gz", "{code}_2fo-fc.cif.gz", _is_cif),
    "difference_coefficients": _File(f"{_VALIDATION}fo-fc_map_coef.cif.gz", "{code}_fo-fc.cif.gz", _is_cif),
    "pdb_redo": _File("https://pdb-redo.eu/db/{code}/{code}_final.mtz", "{code}_final.mtz", _is_mtz),
}
"""Address, name and test of each kind of file."""
