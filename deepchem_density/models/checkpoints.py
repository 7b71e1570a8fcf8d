"""A model's files: its constructor arguments as plain JSON in config.json, and checkpoints beside it.

They may come from anywhere. Nothing is unpickled, and whatever is wrong with them is a ValueError that names the file.
"""

from __future__ import annotations

import inspect
import json
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from deepchem_density.files import WriteError, read_json, write_error, write_text

__all__ = [
    "CONFIG_FILE",
    "describe",
    "load",
    "naming",
    "read_checkpoint",
    "read_config",
    "read_small_json",
    "read_state",
    "rebuild",
    "require_weights",
    "whole_checkpoint",
    "write_config",
    "write_state",
]

CONFIG_FILE = "config.json"
LARGEST_JSON = 1 << 20
"""Bytes; what is written here has some thousands."""
_FORMAT = 1
_NESTED = 2
"""An optimizer that has a learning-rate schedule."""
_TEMPORARY = "temp_checkpoint.pt"
_ADVICE = "take an older checkpoint, or train the model again"

DAMAGE = (ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
"""What hostile values raise in libraries that take them for good ones."""


def write_config(folder: Path, arguments: dict[str, Any]) -> None:
    """Write constructor arguments to a folder, whole or not at all.

    Parameters
    ----------
    folder : pathlib.Path
        Made if absent.
    arguments : dict
        Anything JSON can hold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"format": _FORMAT, "arguments": arguments}, indent=2) + "\n"
    write_text(folder / CONFIG_FILE, text)


@contextmanager
def naming(path: Path, wrong: str) -> Iterator[None]:
    """Turn what goes wrong with the content of a file into a ValueError that names it."""
    try:
        yield
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"'{path}' {wrong} ({reason or type(error).__name__}); use the release that wrote it, or train the model again."
        ) from error


def read_small_json(path: Path) -> Any:
    """Read a JSON file of a model.

    Raises
    ------
    OSError, ValueError
        As `read_json`; or it is larger than any that is written here.
    """
    if path.is_file() and path.stat().st_size > LARGEST_JSON:
        raise ValueError(
            f"'{path}' has {path.stat().st_size:,} bytes, more than {LARGEST_JSON:,}; it is of something else."
        )
    return read_json(path)


def read_config(folder: Path, known_arguments: Collection[str]) -> dict[str, Any]:
    """Read the constructor arguments beside a checkpoint.

    Parameters
    ----------
    folder : pathlib.Path
        A model_dir.
    known_arguments : collection of str
        Those that may stand there: no folder, no log, nothing that a model does not save.

    Returns
    -------
    dict
        What `write_config` was given; tuples have become lists.

    Raises
    ------
    FileNotFoundError
        If the folder holds no config.json.
    ValueError
        If the file is not one of ours.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: accepted is the model_dir of a model that has saved a checkpoint. Fit it first, "
            "or call its save_checkpoint()."
        )
    content = read_small_json(path)
    try:
        known = content["format"] == _FORMAT
        arguments = dict(content["arguments"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error!r}): accepted is the file that save_checkpoint wrote.") from error
    if not known:
        raise ValueError(
            f"{path} has format {content['format']}: accepted is {_FORMAT}. Use the release that wrote it."
        )
    unknown = sorted(set(arguments) - set(known_arguments))
    if unknown:
        raise ValueError(
            f"{path} has the unknown argument {', '.join(map(repr, unknown))}: accepted are "
            f"{', '.join(sorted(known_arguments))}. Use the release that wrote it."
        )
    return arguments


def describe(value: Any) -> Any:
    """Turn a DeepChem optimizer or learning-rate schedule into JSON; numbers, strings and None stay.

    Parameters
    ----------
    value : object
        An object that stores its constructor arguments under their own names, or anything JSON holds.

    Returns
    -------
    object
        ``{"class": name, "arguments": {...}}`` for objects.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [describe(item) for item in value]
    names = inspect.signature(type(value)).parameters
    return {
        "class": type(value).__name__,
        "arguments": {name: describe(getattr(value, name)) for name in names if hasattr(value, name)},
    }


def rebuild(description: Any, catalogue: ModuleType, deepest: int = _NESTED) -> Any:
    """Turn a description back into the object.

    Parameters
    ----------
    description : object
        What `describe` returned.
    catalogue : module
        Of DeepChem's optimizers and schedules, where the class is looked up by name; a config cannot call anything else.
    deepest : int
        How many objects may stand in each other.

    Returns
    -------
    object
        The object, or the description itself if it is plain.

    Raises
    ------
    ValueError
        If the class is unknown, its arguments are missing or not its own, or the description is nested.
    """
    if not isinstance(description, dict):
        return description
    if not deepest:
        raise ValueError(f"its optimizer is nested: at most {_NESTED} objects in each other are accepted")
    if set(description) != {"class", "arguments"} or not isinstance(description["arguments"], dict):
        raise ValueError(f"{sorted(map(str, description))} describe no object: 'class' and 'arguments' are accepted")
    found = getattr(catalogue, str(description["class"]), None)
    base = (catalogue.Optimizer, catalogue.LearningRateSchedule)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ValueError(
            f"The saved model used {description['class']!r}, which is not in {catalogue.__name__}: accepted are its "
            "own optimizers and schedules. Pass the object to from_dir, as optimizer= or learning_rate=."
        )
    arguments = {name: rebuild(value, catalogue, deepest - 1) for name, value in description["arguments"].items()}
    return found(**arguments)


def load(
    path: Path,
    device: torch.device,
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: Mapping[str, Any],
    strict: bool,
) -> int:
    """Load a checkpoint into a network and its optimizer, and return its step; both stay as they are where it does not fit.

    Raises
    ------
    ValueError, FileNotFoundError
        As `read_checkpoint` and `require_weights`.
    """
    weights, of_optimizer, step = read_checkpoint(path, device)
    require_weights(path, weights, network.state_dict(), settings, strict)
    with naming(path, "holds the state of another optimizer"):
        optimizer.load_state_dict(of_optimizer)
    network.load_state_dict(weights, strict=strict)
    return step


def read_state(path: Path, device: torch.device) -> Any:
    """Return the tensors and plain values of a file that torch saved; nothing is unpickled.

    Raises
    ------
    ValueError
        It is cut off, empty, or of another program; FileNotFoundError where there is none.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint '{path}'; check the path.")
    try:
        with zipfile.ZipFile(path) as archive:  # a pickle without an archive, or one that is cut off, is none
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > path.stat().st_size:
            raise ValueError("it is compressed")
        return torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # torch tells of damage in many ways, and advises to unpickle
        raise ValueError(
            f"'{path}' cannot be read ({type(error).__name__}); it is cut off, damaged or no checkpoint of this package: "
            f"{_ADVICE}."
        ) from error


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write tensors and plain values to a file, whole or not at all.

    Raises
    ------
    WriteError
        The disk is full or does not take it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_checkpoint(path.parent):
        temporary = path.parent / _TEMPORARY
        torch.save(dict(state), temporary)
        temporary.replace(path)


def read_checkpoint(path: Path, device: torch.device) -> tuple[dict[str, torch.Tensor], dict[str, Any], int]:
    """Return weights, state of the optimizer and step of a checkpoint.

    Raises
    ------
    ValueError
        It is cut off, empty, or of another program; FileNotFoundError where there is none.
    """
    data = read_state(path, device)
    names = ("model_state_dict", "optimizer_state_dict", "global_step")
    weights, of_optimizer, step = (data.get(name) if isinstance(data, dict) else None for name in names)
    if (
        not isinstance(weights, Mapping)
        or not all(isinstance(value, torch.Tensor) for value in weights.values())
        or not isinstance(of_optimizer, dict)
        or not (isinstance(step, int) and step >= 0)
    ):
        raise ValueError(f"'{path}' holds no weights, state of an optimizer and step; it is no checkpoint: {_ADVICE}.")
    return dict(weights), of_optimizer, step


def require_weights(
    path: Path,
    weights: Mapping[str, torch.Tensor],
    expected: Mapping[str, torch.Tensor],
    settings: Mapping[str, Any],
    strict: bool,
) -> None:
    """Refuse the weights of another network, and weights that are not finite.

    Parameters
    ----------
    path : Path
        Of the checkpoint; the settings it was saved with stand beside it.
    weights, expected : mapping of str to torch.Tensor
        Those of the checkpoint, and those of the network.
    settings : mapping of str to object
        Those of the network.
    strict : bool
        Whether weights may be missing or left over.

    Raises
    ------
    ValueError
        With the settings in which the two differ, where they are known, and an example otherwise.
    """
    others = [name for name in expected if name in weights and weights[name].shape != expected[name].shape]
    missing = [name for name in expected if name not in weights] if strict else []
    more = [name for name in weights if name not in expected] if strict else []
    if others or missing or more:
        example = _example(others, missing, more, weights, expected)
        raise ValueError(f"'{path}' is of another network: {_difference(path, settings)}{example}.")
    wild = [name for name in expected if name in weights and not torch.isfinite(weights[name]).all()]
    if wild:
        raise ValueError(
            f"'{path}' holds weights that are not finite, in {wild[0]} and {len(wild) - 1} more; it predicts nothing: train "
            "again with a lower learning rate, or take an older checkpoint."
        )


def _difference(path: Path, settings: Mapping[str, Any]) -> str:
    """Return the settings that differ from those beside a checkpoint, as a message names them."""
    try:
        saved = read_config(path.parent, read_small_json(path.parent / CONFIG_FILE)["arguments"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    other = [name for name, value in settings.items() if name in saved and saved[name] != value]
    return "".join(f"it has {name}={saved[name]}, the model {name}={settings[name]}; " for name in other)


def _example(
    others: list[str],
    missing: list[str],
    more: list[str],
    weights: Mapping[str, torch.Tensor],
    expected: Mapping[str, torch.Tensor],
) -> str:
    if others:
        name = others[0]
        return f"{name} has the shape {tuple(weights[name].shape)} in it, {tuple(expected[name].shape)} in the model"
    return f"it lacks {missing[0]}" if missing else f"it has {more[0]}, which the model has not"


@contextmanager
def whole_checkpoint(folder: Path) -> Iterator[None]:
    """Leave nothing half-written of a checkpoint, and say what the disk did where it cannot be written.

    Raises
    ------
    WriteError
        Naming the folder.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        temporary = folder / _TEMPORARY
        told = write_error(temporary, error, (folder,))
        if told is None and isinstance(error, RuntimeError):  # torch does not say which error of the disk it met
            told = WriteError(
                f"'{temporary}' cannot be written: the disk is full or does not take it ({str(error).splitlines()[0]}); free "
                "some space and run the same again."
            )
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if told is None:
            raise
        raise told from error
