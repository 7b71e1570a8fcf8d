"""Downloads from a server on this machine; the internet is never asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from file_server import Answer, Server

from deepchem_density import downloads
from deepchem_density.downloads import download

CONTENT = bytes(range(256)) * 5


@pytest.fixture
def fetch(server: Server, tmp_path: Path) -> Callable[..., Path]:
    def from_server(**settings: float) -> Path:
        download(f"{server.address}/file", tmp_path / "got", "ask a friend", **settings)
        return tmp_path / "got"

    return from_server


def test_a_file_arrives_byte_by_byte(server, fetch):
    server.answers["/file"] = Answer(200, CONTENT)
    assert fetch().read_bytes() == CONTENT


def test_what_is_not_there_is_told_with_a_remedy(server, fetch):
    with pytest.raises(FileNotFoundError, match=r"There is no http://127.*/file; look again"):
        fetch(if_gone="look again")


@pytest.mark.parametrize("scheme", ["http", "ftp", "HTTP"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_lead_to_https_or_nowhere(scheme, status, server, fetch, tmp_path):
    server.answers["/file"] = Answer(status, b"", sends_to=f"{scheme}{server.address[4:]}/other")
    server.answers["/other"] = Answer(200, CONTENT)
    with pytest.raises(ConnectionError, match=r"sends to .*/other, which is not https; nothing was fetched"):
        fetch()
    assert server.asked == ["/file"]
    assert list(tmp_path.iterdir()) == []


def test_a_redirect_to_https_is_followed(server, fetch):
    """To a port that speaks no TLS, which is how one sees that it was asked."""
    server.answers["/file"] = Answer(302, b"", sends_to=f"https{server.address[4:]}/other")
    with pytest.raises(ConnectionError, match=r"cannot be reached \(.*SSL.*, or ask a friend\."):
        fetch(timeout=5)


@pytest.mark.parametrize("announced", [None, 1001])
def test_a_file_that_is_too_large_is_given_up(announced, server, fetch, monkeypatch):
    monkeypatch.setattr(downloads, "LARGEST_FILE", 1000)
    server.answers["/file"] = Answer(200, CONTENT if announced is None else b"", announced)
    with pytest.raises(ConnectionError, match=r"holds 1,\d+ bytes or more; at most 1,000 are accepted"):
        fetch()


def test_a_download_that_takes_too_long_is_given_up(server, fetch, monkeypatch):
    monkeypatch.setattr(downloads, "LONGEST_DOWNLOAD", -1.0)
    server.answers["/file"] = Answer(200, CONTENT)
    with pytest.raises(ConnectionError, match=r"took longer than -1 s, after 0 bytes; try again later"):
        fetch()
