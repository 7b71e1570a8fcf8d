from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.files import load_npz, replacing, save_npz, write_text


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
