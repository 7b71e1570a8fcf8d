from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
from blobs import dataset, model, molecules, same, state

from deepchem_density.models.deepchem_model import VoxelCNNModel
from deepchem_density.quiet import deepchem as dc


@pytest.mark.parametrize(
    "options",
    [
        {"n_tasks": 1, "stem_widths": (3,), "dropout": 0.2, "learning_rate": 0.01},
        {"mode": "classification", "optimizer": dc.models.optimizers.Adam(0.002, beta1=0.8)},
        {"learning_rate": dc.models.optimizers.ExponentialDecay(0.01, 0.9, 3), "loss": "l2"},
    ],
)
def test_reloads_bit_for_bit_from_the_folder(options, tmp_path):
    voxels, apart = molecules(12)
    labels = (apart > np.median(apart)).astype(float) if "mode" in options else 1000 + apart
    data = dc.data.NumpyDataset(voxels, labels)
    trained = model(model_dir=tmp_path / "run", **options)
    trained.fit(data, nb_epoch=2)
    reloaded = VoxelCNNModel.from_dir(tmp_path / "run")
    np.testing.assert_array_equal(reloaded.predict(data), trained.predict(data))
    assert same(state(trained), state(reloaded))
    assert reloaded.get_global_step() == trained.get_global_step() == 4
    for name in ("n_tasks", "widths", "stem_widths", "mode", "dropout", "batch_size", "seed", "augment"):
        assert getattr(reloaded, name) == getattr(trained, name)
    inner, given = (vars(one.optimizer.inner).copy() for one in (reloaded, trained))
    rates = [inner.pop("learning_rate"), given.pop("learning_rate")]
    assert inner == given
    assert rates[0] == rates[1] or vars(rates[0]) == vars(rates[1])
    reloaded.fit(data, nb_epoch=1)


def test_restore_and_from_dir_with_changes(tmp_path):
    data = dataset()
    trained = model(model_dir=tmp_path)
    trained.fit(data, nb_epoch=1)
    expected = trained.predict(data)
    trained.fit(data, nb_epoch=3, checkpoint_interval=0)
    assert not np.array_equal(trained.predict(data), expected)
    trained.restore()
    np.testing.assert_array_equal(trained.predict(data), expected)
    changed = VoxelCNNModel.from_dir(tmp_path, batch_size=3, learning_rate=0.5, device=torch.device("cpu"))
    assert (changed.batch_size, changed.optimizer.learning_rate) == (3, 0.5)
    np.testing.assert_allclose(changed.predict(data), expected, rtol=1e-5)
    other = model()
    other.fit(data, nb_epoch=1, restore=False)
    other.restore(model_dir=tmp_path)
    np.testing.assert_array_equal(other.predict(data), expected)


def test_a_resumed_fit_continues_from_the_checkpoint(tmp_path):
    data = dataset()
    model(model_dir=tmp_path).fit(data, nb_epoch=2)
    resumed = model(model_dir=tmp_path)
    resumed.fit(data, nb_epoch=1, restore=True)
    assert resumed.get_global_step() == 6


class Planted:
    def __reduce__(self):
        return (print, ("unpickled",))


def test_nothing_is_unpickled(tmp_path, capsys):
    trained = model(model_dir=tmp_path)
    trained.save_checkpoint()
    torch.save({"model_state_dict": Planted()}, tmp_path / "checkpoint1.pt")
    with pytest.raises(pickle.UnpicklingError):
        VoxelCNNModel.from_dir(tmp_path)
    assert "unpickled" not in capsys.readouterr().out


def test_folders_without_a_model_and_strange_configs(tmp_path):
    with pytest.raises(FileNotFoundError, match="Fit it first"):
        VoxelCNNModel.from_dir(tmp_path)
    trained = model(model_dir=tmp_path / "run")
    with pytest.raises(ValueError, match="no checkpoint"):
        trained.restore()
    trained.save_checkpoint()
    assert not list((tmp_path / "run").glob("*.tmp"))
    path = tmp_path / "run" / "config.json"
    content = json.loads(path.read_text())
    content["arguments"]["optimizer"] = {"class": "os.system", "arguments": {}}
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="not in deepchem"):
        VoxelCNNModel.from_dir(tmp_path / "run")
    path.write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        VoxelCNNModel.from_dir(tmp_path / "run")
    path.write_text(json.dumps({"format": 99, "arguments": {}}))
    with pytest.raises(ValueError, match="format 99"):
        VoxelCNNModel.from_dir(tmp_path / "run")


def test_a_network_with_some_channels_binned_comes_back(tmp_path):
    data = dataset(6)
    trained = model(binned_channels=(1,), model_dir=str(tmp_path))
    trained.fit(data, nb_epoch=1)
    again = VoxelCNNModel.from_dir(tmp_path)
    assert again.binned_channels == (1,)
    np.testing.assert_array_equal(again.predict(data), trained.predict(data))
