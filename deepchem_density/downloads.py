"""Downloads from public servers, whole or not at all, within limits of size and time."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["LARGEST_FILE", "LONGEST_DOWNLOAD", "download"]

GONE = (404, 410)
CHUNK = 1 << 20

LARGEST_FILE = 2 * 2**30
"""Bytes; the maps of ribosomes and viruses take some hundred millions."""
LONGEST_DOWNLOAD = 3600.0
"""Seconds; a server that sends a byte now and then would never be given up otherwise."""


def download(
    address: str, path: Path, instead: str, timeout: float = 60.0, if_gone: str = "check the address."
) -> None:
    """Download a file; what comes is not looked at.

    Parameters
    ----------
    address : str
        Of the file.
    path : path
        Where it goes, which does not exist; half a file may be there after an error.
    instead : str
        What helps where the network does not.
    timeout : float
        Seconds without an answer; a download that has not ended after an hour is given up in any case.
    if_gone : str
        What helps where the server has no such file.

    Raises
    ------
    FileNotFoundError
        The server has no such file.
    ConnectionError
        No answer, or one that is incomplete or larger than 2 GiB; a server that sends elsewhere but to https.
    """
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
            raise FileNotFoundError(f"There is no {address}; {if_gone}") from None
        raise ConnectionError(f"{address} answered {error.code} {error.reason}; try again later.") from None
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        reason = getattr(error, "reason", error) or type(error).__name__
        raise ConnectionError(
            f"{address} cannot be reached ({reason}); check the network and the variable https_proxy, or {instead}."
        ) from error
    if announced is not None and str(path.stat().st_size) != announced.strip():
        raise ConnectionError(
            f"{address} broke off after {path.stat().st_size} of {announced} bytes; try again, and pass a longer timeout= if it "
            "happens again."
        )


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
