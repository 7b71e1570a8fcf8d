from __future__ import annotations

import errno
import gzip
import os
import zlib

import pytest

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.text_files import check_unpacked, decoded, format_suffix, guarded, read_text


@pytest.mark.parametrize(
    ("path", "suffix"),
    [
        ("a.pdb", ".pdb"),
        ("b/1abc.CIF.gz", ".cif"),
        ("a.b.ent", ".ent"),
        ("CCO", ""),
        ("a.gz", ""),
        ("a.PDB.GZ", ".pdb"),
    ],
)
def test_the_suffix_tells_the_format(path, suffix):
    assert format_suffix(path) == suffix


@pytest.mark.parametrize(
    "raw",
    [
        *(b"one\ntwo", b"one\r\ntwo", b"one\rtwo", b"\xef\xbb\xbfone\ntwo", gzip.compress(b"one\ntwo", mtime=0)),
        *("one\r\ntwo".encode("utf-16"), b"\xfe\xff" + "one\ntwo".encode("utf-16-be")),
        gzip.compress(b"one\n", mtime=0) + gzip.compress(b"two", mtime=0),
    ],
)
def test_text_is_the_same_however_it_is_stored(raw, tmp_path):
    (tmp_path / "text").write_bytes(raw)
    assert read_text(tmp_path / "text") == "one\ntwo"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1"])
def test_letters_are_the_same_in_each_encoding(encoding, tmp_path):
    (tmp_path / "text").write_bytes("Ångström\r\nµ".encode(encoding))
    assert read_text(tmp_path / "text") == "Ångström\nµ"


def test_each_line_may_have_its_encoding():
    assert decoded(b"\xef\xbb\xbf" + "é\n".encode() + "é €\n".encode("cp1252") + b"\x81\n") == "é\né €\n\x81\n"


def test_what_cannot_be_read_says_why(tmp_path):
    with pytest.raises(FeaturizationError, match=r"There is no file '.*missing.pdb'; check the path"):
        read_text(tmp_path / "missing.pdb")
    packed = gzip.compress(bytes(range(256)) * 10)
    damaged = {
        "cut.gz": packed[:-20],
        "changed.gz": packed[:40] + b"????" + packed[44:],
        "sum.gz": packed[:-8] + b"\0\0\0\0" + packed[-4:],
        "head.gz": packed[:3],
    }
    for name, raw in damaged.items():
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(FeaturizationError, match=f"'{name}' is a damaged gzip archive"):
            read_text(tmp_path / name)


def test_what_is_no_file_of_text_says_so(tmp_path):
    with pytest.raises(FeaturizationError, match=r"'.*' is a folder where a file should be"):
        read_text(tmp_path)
    with pytest.raises(FeaturizationError, match=r"'.*x\.\.\.' is longer than paths may be"):
        read_text(tmp_path / ("x" * 3000))
    with pytest.raises(FeaturizationError, match=r"There is no file '.*a\\0b', which holds a NUL"):
        read_text(tmp_path / "a\0b")
    (tmp_path / "file").write_bytes(b"one\ntw\0o")
    with pytest.raises(FeaturizationError, match="Line 2 of 'file' holds a NUL byte"):
        read_text(tmp_path / "file")
    with pytest.raises(FeaturizationError, match="a part of its path is no folder"):
        read_text(tmp_path / "file" / "a.pdb")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind")
def test_a_file_that_may_not_be_read_says_so(tmp_path):
    (tmp_path / "file").write_text("one")
    (tmp_path / "file").chmod(0)
    with pytest.raises(FeaturizationError, match=r"'.*file' may not be read \(permission denied\)"):
        read_text(tmp_path / "file")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_no_more_is_unpacked_than_the_limit(pack, tmp_path):
    (tmp_path / "a.gz").write_bytes(pack(b"x" * (3 << 20)))
    assert len(read_text(tmp_path / "a.gz", largest=3 << 20)) == 3 << 20
    with pytest.raises(FeaturizationError, match=r"'a.gz' holds more than 2 MiB of text"):
        read_text(tmp_path / "a.gz", largest=2 << 20)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("Pre-condition\n Violation."), r"'a.cif' cannot be read as mmCIF: Pre-condition Violation; get"),
        (zlib.error("invalid block"), "'a.cif' cannot be read as mmCIF: invalid block; get it again"),
        (KeyError(), "'a.cif' cannot be read as mmCIF: KeyError; get it again"),
        (MemoryError(), "there is not enough memory for it"),
        (OSError(errno.EIO, "Input/output error"), "'a.cif' cannot be read as mmCIF: Input/output error"),
        (PermissionError(errno.EACCES, "x"), r"'a.cif' may not be read \(permission denied\)"),
        (RecursionError("x" * 500), r": x{200}\.\.\.; get"),
        (FeaturizationError("as it is"), "^as it is$"),
    ],
)
def test_what_libraries_raise_is_told_in_one_sentence(error, message):
    with pytest.raises(FeaturizationError, match=message), guarded("a.cif", "mmCIF", "get it again"):
        raise error


def test_archives_that_unpack_to_more_are_refused_before_anything_unpacks_them(tmp_path):
    path = tmp_path / "a.map.gz"
    path.write_bytes(gzip.compress(bytes(3 << 20)))
    check_unpacked(path, 3 << 20)
    with pytest.raises(FeaturizationError, match=r"'a\.map\.gz' unpacks to more than 2 MiB"):
        check_unpacked(path, 2 << 20)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FeaturizationError, match=r"'a\.map\.gz' cannot be read as a gzip archive"):
        check_unpacked(path, 3 << 20)


@pytest.mark.parametrize("letter", "\x1c\x1d\x1e\x1f")
def test_what_python_alone_takes_for_a_blank_is_refused(tmp_path, letter):
    path = tmp_path / "a.xyz"
    path.write_text(f"1\n\nC 0.99{letter}28 0 0\n")
    with pytest.raises(FeaturizationError, match=r"Line 3 of 'a\.xyz' holds the control character '\\x1"):
        read_text(path)
