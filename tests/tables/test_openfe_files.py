"""Downloads of OpenFE's systems from a server on this machine; the internet is never asked."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from file_server import Answer
from openfe_systems import FIRST, write_two_systems

from deepchem_density.tables import openfe_files
from deepchem_density.tables.openfe import load_openfe
from deepchem_density.tables.openfe_files import (
    COMMIT,
    LIGANDS,
    WANTED,
    PublishedFile,
    differing,
    fetch_openfe,
    published,
)


@pytest.fixture
def listed(tmp_path: Path, server, monkeypatch: pytest.MonkeyPatch) -> list[PublishedFile]:
    """Two made-up systems that a server offers and that stand for the published ones."""
    source = write_two_systems(tmp_path / "source")
    contents = {path.relative_to(source).as_posix(): path.read_bytes() for path in source.glob("*/*/*")}
    files = [PublishedFile(hashlib.sha256(body).hexdigest(), len(body), path) for path, body in contents.items()]
    server.answers.update({f"/files/{path}": Answer(200, body) for path, body in contents.items()})
    monkeypatch.setattr(openfe_files, "LIST", tmp_path / "list.txt")
    openfe_files.LIST.write_text("".join(f"{one.sha256} {one.size} {one.path}\n" for one in files))
    monkeypatch.setenv("DEEPCHEM_DENSITY_CACHE", str(tmp_path / "cache"))
    return files


@pytest.fixture
def url(server) -> str:
    return f"{server.address}/files"


def test_all_files_arrive_and_are_fetched_once(listed, url, server, tmp_path):
    folder = fetch_openfe(url=url)
    assert folder == tmp_path / "cache" / "openfe_benchmarks-87c55d6"
    assert differing(folder) == []
    assert sorted(server.asked) == sorted(f"/files/{one.path}" for one in listed)
    server.asked.clear()
    assert fetch_openfe(url=url) == folder
    assert server.asked == []
    # what was fetched is what a curve without a folder of data reads
    assert len(load_openfe()) == 4


def test_only_what_is_missing_or_damaged_is_fetched_again(listed, url, server, tmp_path):
    folder = fetch_openfe(tmp_path / "here", url)
    server.asked.clear()
    gone, damaged = listed[0].path, listed[1].path
    (folder / gone).unlink()
    (folder / damaged).write_bytes(bytes(listed[1].size))
    assert sorted(differing(folder)) == sorted([gone, damaged])
    fetch_openfe(folder, url)
    assert sorted(server.asked) == sorted([f"/files/{gone}", f"/files/{damaged}"])
    assert differing(folder) == []


@pytest.mark.parametrize("body", [b"<!DOCTYPE html>", None], ids=["another size", "another content"])
def test_a_file_that_is_not_the_published_one_is_refused(body, listed, url, server, tmp_path):
    path = f"{FIRST}/{LIGANDS}"
    size = next(one.size for one in listed if one.path == path)
    server.answers[f"/files/{path}"] = Answer(200, bytes(size) if body is None else body)
    with pytest.raises(ConnectionError, match=rf"{path} gave .* bytes that are not the .* of commit 87c55d6"):
        fetch_openfe(tmp_path / "here", url)
    assert not (tmp_path / "here" / path).exists()
    assert not list((tmp_path / "here").rglob(".*"))


def test_a_server_without_the_files(listed, url, server, tmp_path):
    server.answers.clear()
    with pytest.raises(FileNotFoundError, match="There is no http"):
        fetch_openfe(tmp_path / "here", url)
    with pytest.raises(ValueError, match="an address that begins with https://"):
        fetch_openfe(tmp_path / "here", "file:///etc")


def test_the_list_names_57_systems_at_a_commit():
    files = published()
    assert len(files) == len({one.path for one in files}) == 57 * 3 + 5
    assert len({one.path.rsplit("/", 1)[0] for one in files}) == 57
    assert {one.path.rsplit("/", 1)[1] for one in files} == set(WANTED)
    assert all(len(one.sha256) == 64 and one.size > 0 for one in files)
    assert (len(COMMIT), sum(one.size for one in files)) == (40, 30_351_506)


def test_a_copy_is_the_published_one(shared_data):
    assert differing(shared_data / "openfe_benchmarks") == []
