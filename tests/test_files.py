from __future__ import annotations

import errno
import json
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepchem_density import files
from deepchem_density.files import (
    WriteError,
    check_writable,
    is_file,
    is_folder,
    kept_json,
    load_npz,
    read_json,
    reading,
    replacing,
    save_npz,
    write_csv,
    write_text,
)


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "result.json"
    write_text(path, "old")

    def interrupted():
        with replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        interrupted()
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]
    assert path.read_text() == "old"


def test_a_copy_is_whole_or_not_there(tmp_path):
    source, target = tmp_path / "state.pt", tmp_path / "new" / "copy.pt"
    source.write_bytes(b"weights")
    files.copy_file(source, target)
    assert (source.read_bytes(), target.read_bytes()) == (b"weights", b"weights")
    with pytest.raises(FileNotFoundError):
        files.copy_file(tmp_path / "nowhere", target)
    assert [(path.name, path.read_bytes()) for path in target.parent.iterdir()] == [("copy.pt", b"weights")]


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_come_back(tmp_path, compressed):
    arrays = {"a": np.arange(5, dtype=np.float16), "words": np.array("Å")}
    save_npz(tmp_path / "x.npz", arrays, compressed)
    again = load_npz(tmp_path / "x.npz")
    assert set(again) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array)
        assert again[name].dtype == array.dtype


@pytest.mark.parametrize("part", [0, 0.3, 0.9])
def test_a_damaged_file_is_one_error(tmp_path, part):
    path = tmp_path / "x.npz"
    save_npz(path, {"a": np.arange(1000)})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(ValueError, match="damaged"):
        load_npz(path)


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, a=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(ValueError, match="damaged"):
        load_npz(path)


def test_a_single_array_is_no_npz(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(3))
    with pytest.raises(ValueError, match="single array"):
        load_npz(tmp_path / "x.npy")


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_npz(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (8, 99, "compression"),  # a method of compression that nobody knows
        (6, 1, "encrypted"),
    ],
)
def test_an_archive_that_cannot_be_unpacked_is_one_error(tmp_path, place, value, message):
    path = tmp_path / "x.npz"
    save_npz(path, {"a": np.arange(10)})
    raw = bytearray(path.read_bytes())
    for start, offset in ((raw.index(b"PK\x03\x04"), place), (raw.index(b"PK\x01\x02"), place + 2)):
        raw[start + offset : start + offset + 2] = struct.pack("<H", value)
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=f"x.npz' is damaged .*{message}"):
        load_npz(path)


def test_an_archive_that_unpacks_to_a_hundred_times_its_size_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    save_npz(path, {"a": np.zeros(10**6)}, compressed=True)
    assert load_npz(path)["a"].shape == (10**6,)
    monkeypatch.setattr(files, "LARGEST_UNPACKED", 1000)
    with pytest.raises(ValueError, match=r"x\.npz' is damaged .* unpack to 8,000,"):
        load_npz(path)


def test_an_array_larger_than_what_follows_its_header_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }".ljust(117) + b"\n"
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    with pytest.raises(ValueError, match=r"x\.npz' is damaged"):
        load_npz(tmp_path / "x.npz")


def test_text_that_can_be_no_path_names_nothing(tmp_path):
    for text in ("x" * 300, "a\0b", tmp_path / "none"):
        assert not is_file(text)
        assert not is_folder(text)
    write_text(tmp_path / "a", "")
    assert (is_file(tmp_path / "a"), is_folder(tmp_path / "a")) == (True, False)
    assert (is_file(tmp_path), is_folder(tmp_path)) == (False, True)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("none.txt", FileNotFoundError, r"There is no file '.*none\.txt'; check the path"),
        ("", IsADirectoryError, "is a folder; a file is accepted"),
        ("x" * 300, ValueError, r"'.*\.\.\.x+' is longer than a path may be"),
        ("a\0b", ValueError, r"'.*a\\0b' holds a NUL character"),
    ],
)
def test_what_cannot_be_opened_is_one_sentence(tmp_path, name, kind, message):
    with pytest.raises(kind, match=message) as error:
        read_json(tmp_path / name)
    assert str(error.value).endswith(".")


@pytest.mark.parametrize(
    ("raised", "kind", "message"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied"),
            PermissionError,
            r"cannot be read \(Permission denied\); check",
        ),
        (OSError(errno.EIO, "Input/output error"), OSError, r"cannot be read \(Input/output error\); check"),
        (EOFError(), ValueError, r"is damaged \(EOFError\); get it again"),
        (NotImplementedError("method 99"), ValueError, r"is damaged \(method 99\); get it again"),
        (MemoryError(), ValueError, "does not fit into memory"),
        (RecursionError("deep"), ValueError, "is nested too deeply"),
        (
            UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "bad"),
            ValueError,
            r"is not UTF-8 text \(byte 0 is 0xe9\); save it",
        ),
    ],
)
def test_what_libraries_raise_names_the_file(raised, kind, message):
    with pytest.raises(kind, match=rf"'some/file\.dat' {message}"), reading("some/file.dat"):
        raise raised


def test_an_error_that_already_is_a_sentence_stays():
    with pytest.raises(ValueError, match=r"^Line 3 of 'a' is wrong\.$"), reading("a"):
        raise ValueError("Line 3 of 'a' is wrong.")


def test_json_comes_back_as_it_was(tmp_path):
    content = {"a": [1, 2.5, None, {"b": "Å"}], "c": {}}
    write_text(tmp_path / "a.json", json.dumps(content, ensure_ascii=False))
    assert read_json(tmp_path / "a.json") == content


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": 2, "a": 3}', r"cannot be read as json \(the key 'a' stands in it twice\)"),
        ('[{"a": {"b": 1, "b": 1}}]', "the key 'b' stands in it twice"),
        ("[" * 200_000, "is nested too deeply"),
        ("{", "cannot be read as json"),
        ("9" * 5000, "cannot be read as json"),
        ("\udce9", r"is not UTF-8 text \(byte 0 is 0xe9\); save it as UTF-8"),
    ],
)
def test_other_json_is_refused(tmp_path, text, message):
    (tmp_path / "a.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=rf"'.*a\.json' .*{message}" if "key" in message else rf"a\.json' {message}"):
        read_json(tmp_path / "a.json")
    assert kept_json(tmp_path / "a.json") is None


def test_what_was_kept_comes_back_where_it_is(tmp_path):
    assert kept_json(tmp_path / "a.json") is None
    write_text(tmp_path / "a.json", "[1.5]")
    assert kept_json(tmp_path / "a.json") == [1.5]


def test_cells_that_a_spreadsheet_would_run_are_text_and_numbers_stay(tmp_path):
    text = ["=1+1", "+cmd", "-x", "@a", "\t=1", "-1.5", "+2e-3", "a=b", "C#N", ""]
    frame = pd.DataFrame({"=id": text, "y": [-1.5, *range(9)], "n": [-3] * 10})
    write_csv(tmp_path / "a.csv", frame)
    again = pd.read_csv(tmp_path / "a.csv", dtype=str, keep_default_na=False)
    assert again.columns.tolist() == ["'=id", "y", "n"]
    assert again["'=id"].tolist() == ["'=1+1", "'+cmd", "'-x", "'@a", "'\t=1", "-1.5", "+2e-3", "a=b", "C#N", ""]
    assert again["y"].astype(float).tolist() == [-1.5, *range(9)]
    assert again["n"].tolist() == ["-3"] * 10


def test_missing_values_are_empty_cells_and_floats_keep_every_bit(tmp_path):
    values = np.random.default_rng(0).normal(size=50)
    frame = pd.DataFrame({"y": [*values, np.nan], "why": [None] * 50 + ["-"]})
    write_csv(tmp_path / "a.csv", frame)
    rows = (tmp_path / "a.csv").read_text().splitlines()
    assert rows[-1] == ",'-"
    assert [float(row.split(",")[0]) for row in rows[1:-1]] == values.tolist()


class Full:
    """A file on a disk that is full after some bytes."""

    def __init__(self, file, number):
        self.file, self.number = file, number

    def write(self, content):
        self.file.write(content[:10])
        raise OSError(self.number, os.strerror(self.number))

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *about):
        self.file.close()


@pytest.fixture
def disk(monkeypatch):
    """Make every file that is written fail with an error of that number."""

    def breaks(number):
        opened = Path.open

        def opens(path, mode="r", *about, **more):
            file = opened(path, mode, *about, **more)
            return Full(file, number) if "r" not in mode else file

        monkeypatch.setattr(Path, "open", opens)

    return breaks


def writes_text(path):
    write_text(path, "much more than there is room for")


def writes_arrays(path):
    save_npz(path, {"a": np.arange(1000)})


def writes_small_arrays(path):
    save_npz(path, {"a": np.arange(1000)}, compressed=True)


@pytest.mark.parametrize("writes", [writes_text, writes_arrays, writes_small_arrays])
@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "the quota"), (errno.EROFS, "the disk is read-only")],
)
def test_a_disk_that_takes_no_more_is_one_sentence(tmp_path, disk, writes, number, reason):
    path = tmp_path / "result.npz"
    path.write_text("old")
    disk(number)
    with pytest.raises(
        WriteError, match=rf"result\.npz' cannot be written: {reason}.*; .* and run the same again"
    ) as caught:
        writes(path)
    assert caught.value.errno == number
    assert [p.name for p in tmp_path.iterdir()] == ["result.npz"]
    assert path.read_text() == "old"


def test_what_cannot_be_removed_does_not_hide_why(tmp_path, disk, monkeypatch):
    def refuses(path, missing_ok=False):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    disk(errno.EROFS)
    monkeypatch.setattr(Path, "unlink", refuses)
    with pytest.raises(WriteError, match="cannot be written: the disk is read-only"):
        write_text(tmp_path / "a.txt", "a")


def test_paths_that_are_no_files_are_told(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for path, reason in (
        (tmp_path / "folder", "it is a folder"),
        (tmp_path / "none" / "a.txt", "its folder does not exist"),
        (tmp_path / "file" / "a.txt", "a part of its path is a file"),
    ):
        with pytest.raises(WriteError, match=f"cannot be written: {reason}"):
            write_text(path, "a")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder"]


def test_errors_of_other_files_stay_what_they_are(tmp_path):
    def reads_another():
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text((tmp_path / "none.txt").read_text())

    with pytest.raises(FileNotFoundError, match=r"none\.txt") as caught:
        reads_another()
    assert not isinstance(caught.value, WriteError)


def test_writing_is_tried_before_the_work(tmp_path, monkeypatch):
    check_writable(tmp_path / "new" / "a.csv")
    assert [p.name for p in tmp_path.rglob("*")] == ["new"]
    (tmp_path / "file").touch()
    for path, reason in (
        (tmp_path / "new", "it is a folder"),
        (tmp_path / "file" / "a.csv", "a part of its path is a file"),
    ):
        with pytest.raises(WriteError, match=f"cannot be written: {reason}"):
            check_writable(path)

    def refuses(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "touch", refuses)
    with pytest.raises(WriteError, match="cannot be written: writing there is not permitted"):
        check_writable(tmp_path / "a.csv")
