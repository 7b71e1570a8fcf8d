from __future__ import annotations

import dataclasses

import pytest

import deepchem_density.curves.cell_tasks as cell_tasks
from deepchem_density.curves.cell_tasks import CellJob, keep_cell, latest, train_cell
from deepchem_density.curves.cells import read_cell
from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.data import prepare
from deepchem_density.engine import Post
from deepchem_density.voxels.store import SolvedStore

QUICK = CurveConfig(
    **{"rep": "atom", "n_train": 20, "n_valid": 5, "n_test": 10, "steps": 2, "voxel_width": 1.2, "oversampling": 1},
    widths=(4, 8),
)


@pytest.fixture
def job(tmp_path):
    yield CellJob(QUICK, tmp_path, (), prepare(QUICK, tmp_path).identity, (10, 20), 10, 0)
    latest.forget()


def test_a_cell_is_made_beside_its_place_and_kept_whole(job, tmp_path):
    folder, told = tmp_path / "cell", []
    files = train_cell(Post(told.append), job, folder)
    assert read_cell(folder) is None
    assert [epoch for epoch, _ in told] == [1, 2]
    assert all(type(value) is float for _, metrics in told for value in metrics.values())
    (folder / "model").mkdir()
    (folder / "model" / "checkpoint9.pt").touch()  # of a training of before
    cell = keep_cell(folder, files)
    assert cell.rows[0]["n_train"] == 10
    assert sorted(path.name for path in folder.iterdir()) == ["held_out.json", "model", "result.json"]
    assert {path.name for path in cell.model_dir.iterdir()} == {"checkpoint1.pt", "config.json", "recipe.json"}


def test_a_cell_that_was_trained_and_never_arrived_is_sent_again(job, tmp_path, monkeypatch):
    files = train_cell(Post(lambda message: None), job, tmp_path / "cell")
    monkeypatch.setattr(cell_tasks, "run_cell", lambda *arguments: pytest.fail("it was trained again"))
    assert train_cell(Post(lambda message: None), job, tmp_path / "cell") == files


def test_data_that_changed_meanwhile_are_refused(job, tmp_path):
    other = dataclasses.replace(job, identity="of others")
    with pytest.raises(
        ValueError, match=r"The molecules of 'atom .*' have changed meanwhile; run the same command again"
    ):
        train_cell(Post(lambda message: None), other, tmp_path / "cell")


def test_workers_read_what_is_solved_and_solve_nothing(job, tmp_path):
    for path in (tmp_path / "solved").glob("*/*/about.json"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="lacks solved datapoints"):
        prepare(QUICK, tmp_path, SolvedStore.stored)
