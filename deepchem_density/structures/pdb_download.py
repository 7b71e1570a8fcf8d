"""What the Protein Data Bank offers of an entry: coordinates, density maps and map coefficients, downloaded once."""

from __future__ import annotations

import gzip
import http.client
import logging
import os
import re
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from deepchem_density.files import replacing

__all__ = ["PDB_FILES", "fetch_pdb"]

logger = logging.getLogger(__name__)

GONE = (404, 410)
MTZ_MAGIC = b"MTZ "
CCP4_MAGIC, CCP4_MAGIC_AT = b"MAP ", 208
CHUNK = 1 << 20

LARGEST_FILE = 2 * 2**30
"""Bytes; the maps of ribosomes and viruses take some hundred millions."""
LONGEST_DOWNLOAD = 3600.0
"""Seconds; a server that sends a byte now and then would never be given up otherwise."""


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
        _download(address, temporary, timeout, path)
        if not PDB_FILES[kind].is_right(temporary):
            raise ConnectionError(
                f"{address} gave no {kind.replace('_', ' ')} but something that begins with {_head(temporary, 40)!r}; open the "
                "address in a browser to see what it is, or pass another url=."
            )
    logger.info("Fetched %s", address)
    return path


class _OnlyToHttps(urllib.request.HTTPRedirectHandler):
    """Follows where a server sends, but never to an address that can be read or changed on the way."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if not newurl.lower().startswith("https://"):
            raise _RefusedError(
                f"{req.full_url} sends to {newurl}, which is not https; nothing was fetched: pass another url=."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _RefusedError(ConnectionError):
    """What is told as it is."""


def _download(address: str, path: Path, timeout: float, finally_at: Path) -> None:
    request = urllib.request.Request(address, headers={"User-Agent": "deepchem-density"})
    opener = urllib.request.build_opener(_OnlyToHttps)
    try:
        with opener.open(request, timeout=timeout) as answer, path.open("xb") as file:
            announced = answer.headers.get("Content-Length")
            _copy(answer, file, address, int(announced) if announced and announced.isdecimal() else 0)
    except _RefusedError:
        raise
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in GONE:
            raise FileNotFoundError(
                f"There is no {address}; check the code. An entry without deposited diffraction data has no map."
            ) from None
        raise ConnectionError(f"{address} answered {error.code} {error.reason}; try again later.") from None
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        reason = getattr(error, "reason", error) or type(error).__name__
        raise ConnectionError(
            f"{address} cannot be reached ({reason}); check the network and the variable https_proxy, or download the file in "
            f"another way and save it as '{finally_at}'."
        ) from error
    if announced is not None and str(path.stat().st_size) != announced.strip():
        raise ConnectionError(
            f"{address} broke off after {path.stat().st_size} of {announced} bytes; try again, and pass a longer timeout= if it "
            "happens again."
        )


def _copy(answer: http.client.HTTPResponse, file: BinaryIO, address: str, announced: int) -> None:
    """Copy an answer to a file, within the limits of size and time."""
    size, end = announced, time.monotonic() + LONGEST_DOWNLOAD
    while True:
        if size > LARGEST_FILE:
            raise _RefusedError(
                f"{address} holds {size:,} bytes or more; at most {LARGEST_FILE:,} are accepted: look at it in a browser."
            )
        if time.monotonic() > end:
            raise _RefusedError(
                f"{address} took longer than {LONGEST_DOWNLOAD:g} s, after {file.tell():,} bytes; try again later, or "
                "another url=."
            )
        # one read of the socket, so that a byte at a time does not fill a chunk for ever
        if not (chunk := answer.read1(CHUNK)):
            return
        file.write(chunk)
        size = max(announced, file.tell())


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
