from __future__ import annotations

import errno
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from deepchem_density.featurizers import kept_voxels
from deepchem_density.featurizers.kept_voxels import KeptVoxels

SHAPE = (2, 2, 2, 3)
ROW = 24 * 4


def voxels(place):
    return np.full(SHAPE, place, dtype="float32")


def asked(kept, places, made=None):
    made = [] if made is None else made
    for place in places:
        found = kept.row(place, lambda place=place: made.append(place) or voxels(place))
        np.testing.assert_array_equal(found, voxels(place))
    return made


@pytest.mark.parametrize("piece", [1, 3 * ROW, 2**20])
def test_each_is_made_once_in_pieces_of_any_size(piece, monkeypatch):
    monkeypatch.setattr(kept_voxels, "PIECE", piece)
    kept = KeptVoxels(SHAPE, "float32", 10)
    assert asked(kept, [7, 2, 7, 9, 2, *range(10), *range(10)]) == [7, 2, 9, 0, 1, 3, 4, 5, 6, 8]


@pytest.mark.parametrize("limit", [0, ROW - 1, 4 * ROW + 1])
def test_no_more_are_kept_than_the_limit_allows(limit):
    kept = KeptVoxels(SHAPE, "float32", 10, limit)
    again = asked(kept, [*range(10)] * 2)[10:]
    assert again == list(range(limit // ROW, 10))


def test_half_of_what_is_free_stays_free(monkeypatch, caplog):
    monkeypatch.setattr(kept_voxels, "PIECE", 2 * ROW)
    usage, used = shutil.disk_usage(os.curdir), []
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: used.append(1) or usage._replace(free=12 * ROW - 2 * ROW * (len(used) - 1))
    )
    kept = KeptVoxels(SHAPE, "float32", 10)
    assert asked(kept, [*range(10)] * 3)[10:] == [*range(6, 10)] * 2
    assert caplog.text.count("Voxels of 4 of 10 datapoints are made anew") == 1
    assert "TMPDIR" in caplog.text


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system reserves no room in files")
def test_a_full_disk_ends_the_keeping_and_nothing_else(monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert asked(KeptVoxels(SHAPE, "float32", 3), [0, 1, 2, 0]) == [0, 1, 2, 0]
    assert "No space left on device" in caplog.text


def test_threads_may_ask_at_the_same_time(monkeypatch):
    monkeypatch.setattr(kept_voxels, "PIECE", 7 * ROW)
    kept = KeptVoxels(SHAPE, "float32", 300)
    orders = [np.random.default_rng(seed).permutation(300).tolist() for seed in range(4)]
    with ThreadPoolExecutor(4) as threads:
        made = [place for one in threads.map(lambda order: asked(kept, order), orders) for place in one]
    assert set(made) == set(range(300))
    assert asked(kept, range(300)) == []


def test_temporary_files_have_no_name(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    asked(KeptVoxels(SHAPE, "float32", 3), [0, 1, 2])
    assert list(tmp_path.iterdir()) == []
