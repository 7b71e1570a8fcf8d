"""Cases for what the package stores and reads again: tuned settings, models, solved molecules; and options of commands."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import random
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing import package
from fuzzing.cases import EITHER, READ, REFUSED, Case, Reader
from fuzzing.molecules import molecules
from fuzzing.mutations import blind, meaningless
from fuzzing.tables import LABELS, NAMES

PARAMS = {
    "box_width": 12.0,
    "voxel_width": 0.75,
    "learning_rate": 1e-3,
    "widths": [16, 32],
    "batch_size": 32,
    "pooling": "mean",
}
FORMAT = "deepchem_density tuned parameters, version 1"


def params_text(params: dict[str, Any]) -> str:
    """Return a file of tuned settings."""
    return json.dumps({"format": FORMAT, "params": params, "provenance": {"rep": "density"}}, indent=1)


def params(rng: random.Random) -> Case:
    """Return tuned settings, as they are, after random changes, or with a value of another kind."""
    kind = rng.choice(("changed at random", "changed at random", "same meaning", "other type", "key twice", "nested"))
    text = params_text(PARAMS)
    content, expected = text.encode(), EITHER
    if kind == "changed at random":
        content = blind(rng, content)
    elif kind == "same meaning":
        content, expected = meaningless(rng, text), READ
    elif kind == "other type":
        name = rng.choice(list(PARAMS))
        content, expected = (
            params_text(PARAMS | {name: rng.choice((None, {"a": 1}, [[1]], ["x"], True))}).encode(),
            REFUSED,
        )
    elif kind == "key twice":
        content, expected = text.replace('"box_width"', '"voxel_width": 0.5, "box_width"').encode(), REFUSED
    else:
        content, expected = b"[" * rng.choice((10, 100_000)), REFUSED

    def verdict(found: dict[str, Any]) -> str:
        wrong = [name for name, value in found.items() if not _stands(value, name, content)]
        return f"{wrong[0]}={found[wrong[0]]!r}, which is not what the file says" if wrong else ""

    read = lambda path: package.of("deepchem_density.tuning.params_file", "read_params")(path)  # noqa: E731
    return Case("tuned settings", kind, {"case.json": content}, read, verdict, expected)


def _stands(value: Any, name: str, content: bytes) -> bool:
    given = json.loads(content.decode("utf-8-sig"))["params"][name]
    return value == (tuple(given) if isinstance(given, list) else given)


@cache
def model_files() -> dict[str, bytes]:
    """Return the files of a small model: recipe, constructor arguments and weights."""
    import deepchem as dc

    from deepchem_density import Recipe, VoxelCNNModel

    about = package.of("deepchem_density.models.recipe_file", "ModelRecipe")
    rng = np.random.default_rng(0)
    recipe = Recipe("occupancy", box_width=8.0, voxel_width=1.0)
    data = dc.data.NumpyDataset(rng.random((4, 8, 8, 8, 1)).astype("f4"), rng.random((4, 1)))
    with tempfile.TemporaryDirectory() as folder:
        model = VoxelCNNModel(n_tasks=1, n_channels=1, widths=(2,), seed=0, model_dir=folder)
        model.fit(data, nb_epoch=1, progress=False)
        about(recipe, ("y",)).write(Path(folder))
        return {
            path.name: path.read_bytes() for path in sorted(Path(folder).iterdir()) if path.suffix in (".pt", ".json")
        }


def recipe(rng: random.Random) -> Case:
    """Return the recipe of a model, as it is or after random changes."""
    text = model_files()["recipe.json"].decode()
    whole = rng.random() < 0.2
    content = meaningless(rng, text) if whole else blind(rng, text.encode())
    read = lambda path: package.of("deepchem_density.models.recipe_file", "ModelRecipe").read(path)  # noqa: E731

    def verdict(found: Any) -> str:
        given = json.loads(content.decode("utf-8-sig"))["recipe"]
        settings = json.loads(json.dumps(dataclasses.asdict(found.recipe)))
        wrong = [name for name, value in given.items() if settings.get(name) != value]
        return f"{wrong[0]} is {settings.get(wrong[0])!r}, {given[wrong[0]]!r} stands in the file" if wrong else ""

    mutation = "same meaning" if whole else "changed at random"
    return Case("recipe of a model", mutation, {"recipe.json": content}, read, verdict, READ if whole else EITHER)


def model(rng: random.Random) -> Case:
    """Return the folder of a model with a file changed, or with weights that are no numbers."""
    files = dict(model_files())
    kind = rng.choice(("changed at random", "changed at random", "same meaning", "weights are NaN", "weights cut"))
    weights = next(name for name in files if name.endswith(".pt"))
    name, expected = weights, EITHER
    if kind == "changed at random":
        name = rng.choice((weights, "config.json"))
        files[name] = blind(rng, files[name])
    elif kind == "weights are NaN":
        files[weights], expected = _nan_weights(), REFUSED
    elif kind == "weights cut":
        files[weights], expected = files[weights][: rng.randrange(len(files[weights]) - 1)], REFUSED
    else:
        expected = READ
    files = {name: files.pop(name), **files}

    def read(path: Path) -> Any:
        return package.of("deepchem_density.models.prediction", "Predictor").from_folder(path.parent)

    return Case("folder of a model", kind, files, read, _predicts, expected, (*files, "folder"))


def _predicts(predictor: Any) -> str | None:
    import torch

    finite = all(torch.isfinite(value).all() for value in predictor.network.model.state_dict().values())
    return "weights that are not finite" if not finite else ""


@cache
def _nan_weights() -> bytes:
    import torch

    name = next(one for one in model_files() if one.endswith(".pt"))
    stored = torch.load(io.BytesIO(model_files()[name]), weights_only=True)
    key = next(
        one for one, value in stored["model_state_dict"].items() if value.dtype == torch.float32 and value.numel() > 1
    )
    stored["model_state_dict"][key].view(-1)[0] = float("nan")
    file = io.BytesIO()
    torch.save(stored, file)
    return file.getvalue()


@cache
def solved_files() -> dict[str, bytes]:
    """Return the files of a folder of solved molecules."""
    from deepchem_density import Recipe, Structure

    store = package.of("deepchem_density.voxels", "SolvedStore")
    write_index = package.of("deepchem_density.featurizers.featurized_folder", "write_index")
    recipe_of = Recipe("occupancy", box_width=16.0, voxel_width=1.0)
    structures = [Structure(one.numbers, one.positions, one.charge, name=one.smiles) for one in molecules()]
    with tempfile.TemporaryDirectory() as folder:
        solved = store(Path(folder, "solved"), recipe_of).solve(structures)
        labels = np.arange(float(len(structures)))[:, None]
        write_index(Path(folder), recipe_of, solved, np.arange(len(structures)), labels, ["y"])
        paths = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def solved(rng: random.Random) -> Case:
    """Return a folder of solved molecules with a file changed."""
    files = dict(solved_files())
    name = rng.choice([one for one in files if not Path(one).name.startswith("refused")])
    whole = rng.random() < 0.1
    if not whole:
        files[name] = blind(rng, files[name])
    files = {"featurized.json": files.pop("featurized.json"), **files}
    shard = next(one for one in files if one.endswith("about.json")).split("/")[-2]

    def read(path: Path) -> Any:
        dataset = package.of("deepchem_density", "open_featurized")(path.parent)
        return dataset.X[:2], dataset.y

    def verdict(found: Any) -> str | None:
        voxels, labels = found
        if not np.isfinite(voxels).all():
            return "voxels that are not finite"
        return "" if whole and np.allclose(labels.ravel(), np.arange(len(molecules()))) else None

    mutation = (
        "same meaning"
        if whole
        else f"changed at random: {Path(name).name if name.endswith('json') else Path(name).suffix}"
    )
    names = (*(Path(one).name for one in files), shard, "fuzzing-")
    return Case("folder of solved molecules", mutation, files, read, verdict, READ if whole else EITHER, names)


OPTIONS = {
    "--rep": ("density", "atom", "gradient+occupancy", "nothing", "", "density+"),
    "--sigma": ("0.5", "nan", "-1", "1e-6x"),
    "--box-width": ("12", "1000000", "0", "1,5", "inf"),
    "--voxel-width": ("0.5", "0", "1e-9", "½"),
    "--learning-rate": ("1e-3", "-1", "nan", "1_0"),
    "--seeds": ("0,1", "-1", "0,0", "1.5", "", "99999999999999999999"),
    "--fractions": ("0.5,1", "2", "0", "-1", "nan", ","),
    "--targets": ("gap", "gap,mu", ",", '"a,b",c', "\x00"),
    "--charge": ("1", "formal", "none", "1.5", "99"),
    "--elements": ("H,C", "C,C", "Xx", "h", ""),
    "--oversampling": ("2", "0", "100000"),
    "--transform": ("sqrt", "cube"),
    "--widths": ("16,32", "0", "-1", "1.5"),
    "--dropout": ("0.1", "1", "-0.1"),
    "--dataset": ("sample", "qm9", "none"),
    "--steps": ("100", "-1"),
    "--epochs": ("5", "-1"),
    "--center": ("ligand", "1,2,3", "1,2", "a,b,c", "nan,0,0"),
}


def options(rng: random.Random) -> Case:
    """Return options of a curve, of which some cannot be: they are refused by name, before anything is computed."""
    names = rng.sample(sorted(OPTIONS), rng.choice((1, 2, 2, 3)))
    words = ["curve", *(f"{name}={rng.choice(OPTIONS[name])}" for name in names)]

    def read(_: Path) -> Any:
        parser = package.of("deepchem_density.cli.command_line", "parser")()
        config_of = package.of("deepchem_density.cli.curve", "curve_config")
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            try:
                given = parser.parse_args(words)
            except SystemExit as error:
                raise SystemExit(said.getvalue()) from error
        config = config_of(given)
        config.check()
        return config

    def verdict(config: Any) -> str:
        bad = [
            v for v in (config.sigma, config.box_width, config.voxel_width, config.learning_rate) if not (v and v > 0)
        ]
        bad += [one for one in config.seeds if one < 0] + [one for one in config.fractions if not 0 < one <= 1]
        return f"{bad[0]} is accepted" if bad else ""

    named = (*(name.removeprefix("--").replace("-", "_") for name in names), *names, "steps, epochs")
    return Case("options", "words that may be wrong", {}, read, verdict, EITHER, named)


def array_table(rng: random.Random) -> Case:
    """Return a stored table of molecules after random changes."""
    content = _stored()
    whole = rng.random() < 0.15
    content = content if whole else blind(rng, content)
    read = lambda path: package.of("deepchem_density.tables", "MoleculeTable").load(path)  # noqa: E731

    def verdict(table: Any) -> str | None:
        right = np.concatenate([molecule.positions for molecule in molecules()])
        same = table.positions.shape == right.shape and np.allclose(table.positions, right, atol=1e-3)
        return "" if same and table.labels[:, 0].tolist() == LABELS else None if not whole else "other atoms or labels"

    return Case(
        "stored table",
        "same meaning" if whole else "changed at random",
        {"case.npz": content},
        read,
        verdict,
        READ if whole else EITHER,
    )


def _stored(kept: dict[str, bytes] = {}) -> bytes:  # noqa: B006
    if not kept:
        made = package.of("deepchem_density.tables", "MoleculeTable")
        sizes = [len(molecule.numbers) for molecule in molecules()]
        with tempfile.TemporaryDirectory() as folder:
            made(
                numbers=np.concatenate([molecule.numbers for molecule in molecules()]),
                positions=np.concatenate([molecule.positions for molecule in molecules()]),
                offsets=np.cumsum([0, *sizes]),
                labels=np.array(LABELS)[:, None],
                tasks=("y",),
                ids=np.array(NAMES),
            ).save(Path(folder, "case.npz"))
            kept["npz"] = Path(folder, "case.npz").read_bytes()
    return kept["npz"]


READERS = (
    Reader("stored table", 3, (array_table,)),
    Reader("tuned settings", 6, (params,)),
    Reader("recipe of a model", 6, (recipe,)),
    Reader("folder of a model", 2, (model,)),
    Reader("folder of solved molecules", 3, (solved,)),
    Reader("options", 3, (options,)),
)
