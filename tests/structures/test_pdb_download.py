"""Downloads from a server on this machine; the internet is never asked."""

from __future__ import annotations

import errno
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from file_server import Answer, Server

from deepchem_density import downloads
from deepchem_density.structures.pdb_download import PDB_FILES, fetch_pdb

CIF = gzip.compress(b"# made up\ndata_1ABC\nloop_\n_atom_site.Cartn_x\n1.0\n")
CCP4 = bytes(208) + b"MAP " + bytes(900)
MTZ = b"MTZ " + bytes(80)
PAGE = b"<!DOCTYPE html><title>Please log in</title>"
CONTENT = {
    "structure": CIF,
    "map": CCP4,
    "difference_map": CCP4,
    "coefficients": CIF,
    "difference_coefficients": CIF,
    "pdb_redo": MTZ,
}


@pytest.fixture
def fetch(server: Server, tmp_path: Path) -> Callable[..., Path]:
    def from_server(code: str = "1abc", kind: str = "structure", **settings: float) -> Path:
        return fetch_pdb(code, tmp_path / "pdb", kind, f"{server.address}/{{code}}/file", **settings)

    return from_server


@pytest.mark.parametrize("kind", PDB_FILES)
def test_each_kind_arrives_byte_by_byte_under_its_name(kind, server, fetch, tmp_path):
    server.answers["/1abc/file"] = Answer(200, CONTENT[kind])
    path = fetch("1ABC ", kind)
    assert path == tmp_path / "pdb" / PDB_FILES[kind].name.format(code="1abc")
    assert path.read_bytes() == CONTENT[kind]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_names_differ_and_addresses_hold_the_code():
    assert len({file.name for file in PDB_FILES.values()}) == len({file.url for file in PDB_FILES.values()}) == 6
    assert all(file.url.startswith("https://") and "{code}" in file.url for file in PDB_FILES.values())


def test_a_file_is_fetched_once(server, fetch):
    server.answers["/1abc/file"] = Answer(200, CIF)
    first = fetch()
    server.answers.clear()
    assert fetch() == first
    assert server.asked == ["/1abc/file"]
    first.unlink()
    with pytest.raises(FileNotFoundError):
        fetch()


@pytest.mark.parametrize("status", [404, 410])
def test_an_entry_that_is_not_there(status, server, fetch, tmp_path):
    server.answers["/1abc/file"] = Answer(status, PAGE)
    with pytest.raises(FileNotFoundError, match=r"There is no http://127.*/1abc/file; check the code"):
        fetch(kind="map")
    assert list((tmp_path / "pdb").iterdir()) == []


def test_a_server_in_trouble(server, fetch):
    server.answers["/1abc/file"] = Answer(503, b"")
    with pytest.raises(ConnectionError, match="answered 503 Service Unavailable; try again later"):
        fetch()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("structure", PAGE),
        ("structure", gzip.compress(PAGE)),
        ("structure", CIF[:-4]),
        ("structure", CIF[:-8] + bytes(4) + CIF[-4:]),
        ("map", PAGE),
        ("map", CIF),
        ("pdb_redo", b""),
    ],
    ids=["page", "zipped page", "truncated", "wrong checksum", "page for map", "structure for map", "empty"],
)
def test_something_else_leaves_nothing_behind(kind, body, server, fetch, tmp_path):
    server.answers["/1abc/file"] = Answer(200, body)
    with pytest.raises(ConnectionError, match=f"gave no {kind.replace('_', ' ')} but something that begins with"):
        fetch(kind=kind)
    assert list((tmp_path / "pdb").iterdir()) == []


def test_an_answer_that_breaks_off_leaves_nothing_behind(server, fetch, tmp_path):
    server.answers["/1abc/file"] = Answer(200, CCP4, len(CCP4) + 1)
    with pytest.raises(ConnectionError, match=f"broke off after {len(CCP4)} of {len(CCP4) + 1} bytes"):
        fetch(kind="map")
    assert list((tmp_path / "pdb").iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(server, fetch, tmp_path, monkeypatch):
    def full(answer, file, *about):
        file.write(b"some")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(downloads, "_copy", full)
    server.answers["/1abc/file"] = Answer(200, CCP4)
    with pytest.raises(OSError, match=r"1abc\.ccp4' cannot be written: the disk is full; free some space"):
        fetch(kind="map")
    assert list((tmp_path / "pdb").iterdir()) == []


def test_no_network(tmp_path, server):
    taken_down = f"{server.address.rsplit(':', 1)[0]}:9"  # the port of discard, where nobody answers
    with pytest.raises(ConnectionError, match=r"cannot be reached .* save it as '.*/1abc_final\.mtz'"):
        fetch_pdb("1abc", tmp_path, "pdb_redo", f"{taken_down}/{{code}}.mtz", timeout=5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", ["", "abc", "1abcd", "1a/c", "../1", "pdb_00001abc", "abcd"])
def test_what_is_no_code(code, tmp_path):
    with pytest.raises(ValueError, match=r"code=.* arrived; a digit and three letters"):
        fetch_pdb(code, tmp_path)


def test_what_is_no_kind_or_address(tmp_path):
    with pytest.raises(ValueError, match=r"kind='ligand' arrived; 'structure', 'map'"):
        fetch_pdb("1abc", tmp_path, "ligand")
    for url in ("file:///etc/{code}", "https://example.org/file"):
        with pytest.raises(ValueError, match="an address that begins with https://"):
            fetch_pdb("1abc", tmp_path, url=url)
