from __future__ import annotations

import errno
import gc
import json
import multiprocessing
import pickle
import shutil
import zipfile
from pathlib import Path

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
    with pytest.raises(ValueError, match=r"checkpoint1\.pt' cannot be read \(UnpicklingError\)"):
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
    with pytest.raises(ValueError, match=r"config\.json' cannot be read as json"):
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


@pytest.fixture
def folder(tmp_path):
    """A model that was saved, to be damaged."""
    model(model_dir=tmp_path, widths=(4, 8)).save_checkpoint()
    return tmp_path


def with_config(folder, **arguments):
    path = folder / "config.json"
    content = json.loads(path.read_text())
    content["arguments"] |= arguments
    path.write_text(json.dumps(content))


def with_checkpoint(folder, change):
    path = folder / "checkpoint1.pt"
    data = torch.load(path, weights_only=True)
    changed = change(data)
    torch.save(data if changed is None else changed, path)


def cut(content):
    return content[: len(content) // 2]


def raw_pickle(content):
    return pickle.dumps(Planted())


@pytest.mark.parametrize(
    "spoil", [cut, lambda content: b"", lambda content: content[:-1], raw_pickle, lambda c: b"x" * 99]
)
def test_a_checkpoint_that_cannot_be_read_is_named(folder, spoil, capsys):
    path = folder / "checkpoint1.pt"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(
        ValueError, match=r"checkpoint1\.pt' cannot be read \(\w+\); it is cut off, damaged or no checkpoint"
    ):
        VoxelCNNModel.from_dir(folder)
    assert "unpickled" not in capsys.readouterr().out


def test_old_and_compressed_archives_are_refused(folder):
    path = folder / "checkpoint1.pt"
    data = torch.load(path, weights_only=True)
    torch.save(data, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match=r"checkpoint1\.pt' cannot be read"):
        VoxelCNNModel.from_dir(folder)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("checkpoint/data/0", bytes(10**7))
    with pytest.raises(ValueError, match=r"checkpoint1\.pt' cannot be read"):
        VoxelCNNModel.from_dir(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: {"a": 1},
        lambda data: [1, 2],
        lambda data: torch.zeros(3),
        lambda data: data.pop("global_step") and None,
        lambda data: data.update(global_step=-1),
        lambda data: data.update(model_state_dict={"a": 1}),
        lambda data: data.update(optimizer_state_dict=[]),
    ],
)
def test_what_holds_no_weights_is_no_checkpoint(folder, change):
    with_checkpoint(folder, change)
    with pytest.raises(ValueError, match=r"checkpoint1\.pt' holds no weights, state of an optimizer and step"):
        VoxelCNNModel.from_dir(folder)


def first_weight(data):
    return next(name for name in data["model_state_dict"] if name.endswith("weight"))


def test_weights_of_another_network_are_told_by_example(folder):
    def shorten(data):
        data["model_state_dict"].pop(first_weight(data))

    with_checkpoint(folder, shorten)
    with pytest.raises(ValueError, match=r"checkpoint1\.pt' is of another network: it lacks .*weight"):
        VoxelCNNModel.from_dir(folder)
    model(model_dir=folder, widths=(4, 8)).save_checkpoint()

    def huge(data):
        name = first_weight(data)
        data["model_state_dict"][name] = torch.zeros(1).expand(10**12)

    with_checkpoint(folder, huge)
    with pytest.raises(ValueError, match=r"is of another network: .* has the shape \(1000000000000,\) in it, \("):
        VoxelCNNModel.from_dir(folder)


def test_restoring_into_other_widths_names_the_difference(folder):
    other = model(widths=(4, 16), head_width=7)
    before = state(other)
    with pytest.raises(
        ValueError,
        match=r"another network: it has widths=\[4, 8\], the model widths=\[4, 16\]; it has head_width=\d+, the model",
    ):
        other.restore(model_dir=folder)
    assert same(state(other), before)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(folder, value):
    def spoil(data):
        data["model_state_dict"][first_weight(data)][0, ..., 0] = value

    with_checkpoint(folder, spoil)
    with pytest.raises(ValueError, match=r"checkpoint1\.pt' holds weights that are not finite, in .* and 0 more"):
        VoxelCNNModel.from_dir(folder)


def test_the_state_of_another_optimizer_is_refused_and_changes_nothing(folder):
    with_checkpoint(folder, lambda data: data["optimizer_state_dict"].update(param_groups=[{"params": [1]}]))
    other = model(widths=(4, 8))
    before = state(other)
    with pytest.raises(ValueError, match=r"checkpoint1\.pt' holds the state of another optimizer"):
        other.restore(model_dir=folder)
    assert same(state(other), before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"widths": [10**6] * 4}, "A network of about .* weights arrived, with widths="),
        ({"depth": 10**9}, "A network of 2,000,000,000 layers arrived; at most 1,000 are accepted"),
        ({"n_tasks": 10**10}, "A network of about .* weights arrived"),
        ({"n_channels": 10**9}, "A network of 1,000,000,000 channels arrived; at most 10,000 are accepted"),
        ({"head_width": 10**12}, "A network of about .* weights arrived"),
        ({"widths": [-1, 2]}, r"widths\[0\]=-1 arrived"),
        ({"widths": "../../etc"}, r"widths\[0\]='\.' arrived"),
        ({"widths": 5}, "not iterable"),
        ({"dropout": "much"}, "not supported"),
        ({"weight_decay": float("nan")}, "Invalid weight_decay"),
        ({"optimizer": {"class": "Adam"}}, "describe no object"),
        ({"optimizer": {"class": "Adam", "arguments": {"evil": 1}}}, "unexpected keyword"),
        ({"optimizer": {"class": "os.system", "arguments": {"command": "true"}}}, "not in deepchem"),
        ({"optimizer": {"class": "__builtins__", "arguments": {}}}, "not in deepchem"),
        ({"learning_rate": {"class": "ExponentialDecay", "arguments": {}}}, "missing"),
        ({"model_dir": "elsewhere"}, "unknown argument 'model_dir': accepted are"),
        ({"tensorboard": True}, "unknown argument 'tensorboard'"),
        ({"evil": "x"}, "unknown argument 'evil'"),
    ],
)
def test_arguments_that_cannot_be_are_refused_with_the_name_of_the_file(folder, arguments, message):
    with_config(folder, **arguments)
    with pytest.raises(ValueError, match=rf"config\.json.*{message}"):
        VoxelCNNModel.from_dir(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint1.pt", "config.json"]


def test_objects_in_objects_in_objects_are_refused(folder):
    nested = 1.0
    for _ in range(200):
        nested = {
            "class": "ExponentialDecay",
            "arguments": {"initial_rate": nested, "decay_rate": 0.9, "decay_steps": 1},
        }
    with_config(folder, optimizer={"class": "Adam", "arguments": {"learning_rate": nested}})
    with pytest.raises(ValueError, match=r"config\.json.*its optimizer is nested: at most 2 objects"):
        VoxelCNNModel.from_dir(folder)


@pytest.mark.parametrize(
    "content", [b"[" * 200_000, b"\xff\xfe{}", b" " * (2 << 20), b"[]", b'{"format": 1, "arguments": 3}']
)
def test_a_config_that_is_none_is_damaged(folder, content):
    (folder / "config.json").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"config\.json'? (is damaged|is nested|cannot be read as json|is not UTF-8|has 2,)"
    ):
        VoxelCNNModel.from_dir(folder)


def test_misspelt_changes_are_those_of_the_caller(folder):
    with pytest.raises(TypeError, match="Unknown argument widht"):
        VoxelCNNModel.from_dir(folder, widht=(4, 8))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"),
    ],
)
def test_a_disk_that_fills_while_a_checkpoint_is_saved_keeps_the_last_one(folder, monkeypatch, error):
    saved = model(model_dir=folder, widths=(4, 8))
    before = (folder / "checkpoint1.pt").read_bytes()

    def full(data, path):
        Path(path).write_bytes(b"half")
        raise error

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match=r"temp_checkpoint\.pt' cannot be written: the disk is full"):
        saved.save_checkpoint()
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint1.pt", "config.json"]
    assert (folder / "checkpoint1.pt").read_bytes() == before


def test_a_folder_of_its_own_goes_with_the_model_but_not_in_a_fork():
    trained = model()
    folder = Path(trained.model_dir)
    trained.itself = trained  # as optimizers and hooks do: it ends when garbage is collected
    gc.disable()
    try:
        del trained
        fork = multiprocessing.get_context("fork").Process(target=gc.collect)
        fork.start()
        fork.join()
        assert fork.exitcode == 0
        assert folder.is_dir()
    finally:
        gc.enable()
    gc.collect()
    assert not folder.exists()


def test_a_folder_that_the_system_has_cleaned_away_is_no_error():
    trained = model()
    shutil.rmtree(trained.model_dir)
    trained.__del__()
