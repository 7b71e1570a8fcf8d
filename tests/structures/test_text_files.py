from __future__ import annotations

import gzip

import pytest

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.text_files import format_suffix, read_text


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
    "raw", [b"one\ntwo", b"one\r\ntwo", b"one\rtwo", b"\xef\xbb\xbfone\ntwo", gzip.compress(b"one\ntwo")]
)
def test_text_is_the_same_however_it_is_stored(raw, tmp_path):
    (tmp_path / "text").write_bytes(raw)
    assert read_text(tmp_path / "text") == "one\ntwo"


def test_columns_stay_where_they_are_in_latin_1(tmp_path):
    (tmp_path / "text").write_bytes("Ångström".encode("latin-1"))
    assert len(read_text(tmp_path / "text")) == len("Ångström")


def test_what_cannot_be_read_says_why(tmp_path):
    with pytest.raises(FeaturizationError, match=r"There is no file '.*missing.pdb'; check the path"):
        read_text(tmp_path / "missing.pdb")
    packed = gzip.compress(bytes(range(256)) * 10)
    for name, raw in (("cut.gz", packed[:-20]), ("changed.gz", packed[:40] + b"????" + packed[44:])):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(FeaturizationError, match=f"'{name}' is a damaged gzip archive"):
            read_text(tmp_path / name)
