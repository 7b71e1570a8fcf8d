"""The config.json beside a checkpoint: a model's constructor arguments as plain JSON, so that nothing is unpickled."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from deepchem_density.files import write_text

__all__ = ["describe", "read_config", "rebuild", "write_config"]

_NAME = "config.json"
_FORMAT = 1


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
    write_text(folder / _NAME, text)


def read_config(folder: Path) -> dict[str, Any]:
    """Read the constructor arguments beside a checkpoint.

    Parameters
    ----------
    folder : pathlib.Path
        A model_dir.

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
    path = folder / _NAME
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: accepted is the model_dir of a model that has saved a checkpoint. Fit it first, "
            "or call its save_checkpoint()."
        )
    try:
        content = json.loads(path.read_text())
        known = content["format"] == _FORMAT
        arguments = dict(content["arguments"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error!r}): accepted is the file that save_checkpoint wrote.") from error
    if not known:
        raise ValueError(
            f"{path} has format {content['format']}: accepted is {_FORMAT}. Use the release that wrote it."
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


def rebuild(description: Any, catalogue: ModuleType, base: tuple[type, ...]) -> Any:
    """Turn a description back into the object.

    Parameters
    ----------
    description : object
        What `describe` returned.
    catalogue : module
        Where the class is looked up by name.
    base : tuple of type
        The class must derive from one of these: a config cannot call anything else.

    Returns
    -------
    object
        The object, or the description itself if it is plain.

    Raises
    ------
    ValueError
        If the class is unknown.
    """
    if not isinstance(description, dict):
        return description
    found = getattr(catalogue, str(description["class"]), None)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ValueError(
            f"The saved model used {description['class']!r}, which is not in {catalogue.__name__}: accepted are its "
            "own optimizers and schedules. Pass the object to from_dir, as optimizer= or learning_rate=."
        )
    return found(**{name: rebuild(value, catalogue, base) for name, value in description["arguments"].items()})
