"""The file with the best parameters of a search, which ``curve --params`` reads: plain JSON, checked when it is read."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from deepchem_density.curves.config import CurveConfig
from deepchem_density.files import read_json, write_text
from deepchem_density.settings import LARGEST_WHOLE

__all__ = ["read_params", "read_provenance", "write_params"]

_FORMAT = "deepchem_density tuned parameters, version 1"


def write_params(path: Path, params: dict[str, Any], provenance: dict[str, Any]) -> None:
    """Write settings, and where they come from, completely or not at all.

    Parameters
    ----------
    path : path
        Its folder is made where there is none.
    params : dict
        Settings of `CurveConfig`.
    provenance : dict
        Anything JSON can hold; ``rep`` is the representation that was tuned.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"format": _FORMAT, "params": params, "provenance": provenance}
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_params(path: str | Path, rep: str = "") -> dict[str, Any]:
    """Read settings for `CurveConfig`.

    Parameters
    ----------
    path : path
        What `write_params` wrote.
    rep : str
        The representation they are for; parameters tuned for another one are then refused. "" takes any.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It is no such file, or holds settings that do not exist, of the wrong type or for another representation.
    """
    content = _read(Path(path))
    tuned_for = content["provenance"].get("rep", "")
    if rep and tuned_for != rep:
        raise ValueError(f"'{path}' was tuned for rep={tuned_for!r}, rep={rep!r} was asked for; tune that one as well.")
    hints = get_type_hints(CurveConfig)
    unknown = sorted(set(content["params"]) - set(hints))
    if unknown:
        raise ValueError(
            f"'{path}' holds {', '.join(unknown)}, which is no setting of a curve; it may come from another release."
        )
    return {name: _checked(str(path), name, value, hints[name]) for name, value in content["params"].items()}


def read_provenance(path: str | Path) -> dict[str, Any]:
    """Read where the settings come from; raises as `read_params`."""
    return _read(Path(path))["provenance"]


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file '{path}'; a .json that `deepchem-density tune` wrote is accepted.")
    content = read_json(path)
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(
            f"'{path}' is not a file of '{_FORMAT}'; a .json that `deepchem-density tune` wrote is accepted."
        )
    if not all(isinstance(content.get(part), dict) for part in ("params", "provenance")):
        raise ValueError(f"'{path}' lacks its params or its provenance; tune again.")
    return content


def _checked(path: str, name: str, value: Any, hint: Any) -> Any:
    converted = _as(value, hint)
    if converted is NotImplemented:
        wanted = getattr(hint, "__name__", "") if not get_args(hint) else str(hint)
        raise ValueError(f"'{path}' has {name}={value!r}; {wanted} is accepted.")
    return converted


def _as(value: Any, hint: Any) -> Any:
    """Return a value read from JSON as what a type hint says, NotImplemented where it is something else."""
    if get_origin(hint) in (Union, types.UnionType):
        found = [converted for option in get_args(hint) if (converted := _as(value, option)) is not NotImplemented]
        return found[0] if found else NotImplemented
    if get_origin(hint) is tuple:
        parts = [_as(part, get_args(hint)[0]) for part in value] if isinstance(value, list) else [NotImplemented]
        return NotImplemented if any(part is NotImplemented for part in parts) else tuple(parts)
    if isinstance(value, int) and abs(value) > LARGEST_WHOLE:
        return NotImplemented
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, bool):
        return NotImplemented
    return value if isinstance(value, hint) else NotImplemented
