"""The ensemble.json that makes stored networks one model with calibrated bounds of its errors."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepchem_density.files import write_text
from deepchem_density.models.calibration import LEVELS, Calibration, Coverage
from deepchem_density.models.checkpoints import DAMAGE, read_small_json
from deepchem_density.versions import __version__

__all__ = ["ENSEMBLE_FILE", "EnsembleFile"]

ENSEMBLE_FILE = "ensemble.json"
_FORMAT = 1


@dataclass(frozen=True)
class EnsembleFile:
    """What must be known of an ensemble to use it.

    Parameters
    ----------
    members : tuple of path
        Folders of the networks.
    targets : tuple of str
        What they predict.
    calibrations : tuple of Calibration
        One for each target.
    coverages : tuple of tuples of Coverage
        Measured for each target, on molecules that did not calibrate their own bounds.
    masks : int
        Dropout masks to draw for the spread, 0 for networks without dropout.
    from_smiles : tuple of Calibration, optional
        The same for molecules whose conformers are made here, where that was measured; errors are larger then.
    coverages_from_smiles : tuple of tuples of Coverage, optional
        Of those.
    """

    members: tuple[Path, ...]
    targets: tuple[str, ...]
    calibrations: tuple[Calibration, ...]
    coverages: tuple[tuple[Coverage, ...], ...]
    masks: int = 0
    from_smiles: tuple[Calibration, ...] = ()
    coverages_from_smiles: tuple[tuple[Coverage, ...], ...] = ()

    def write(self, folder: Path) -> Path:
        """Write ensemble.json, completely or not at all, and return its path; members are named relative to its folder."""
        folder.mkdir(parents=True, exist_ok=True)
        named = [
            {"folder": Path(os.path.relpath(member, folder)).as_posix(), "weights": _digest(member)}
            for member in self.members
        ]
        about = {"format": _FORMAT, "package_version": __version__, "members": named, "masks": self.masks}
        path = folder / ENSEMBLE_FILE
        targets = _stored(self.targets, self.calibrations, self.coverages)
        if self.from_smiles:
            about["from_smiles"] = _stored(self.targets, self.from_smiles, self.coverages_from_smiles)
        write_text(path, json.dumps({**about, "targets": targets}, indent=2) + "\n")
        return path

    @classmethod
    def read(cls, path: Path) -> EnsembleFile:
        """Read what `write` wrote.

        Raises
        ------
        ValueError
            It is damaged, of another release, or a network was trained again since, or is gone.
        """
        about = read_small_json(path)
        try:
            if about["format"] != _FORMAT:
                raise ValueError(f"format {about['format']!r}, not {_FORMAT}")
            folders = [path.parent / one["folder"] for one in about["members"]]
            weights = [str(one["weights"]) for one in about["members"]]
            names, calibrations, coverages = _read(about["targets"])
            also, *from_smiles = _read(about.get("from_smiles", []))
            if also not in ((), names):
                raise ValueError(f"calibrations for {also} from SMILES, not for {names}")
            found = cls(tuple(folders), names, calibrations, coverages, int(about["masks"]), *from_smiles)
        except DAMAGE as error:
            raise ValueError(
                f"'{path}' does not describe an ensemble of this release ({error!r}); run the same curve again, which writes it."
            ) from error
        _check_weights(path, folders, weights)
        return found


def _stored(
    names: Sequence[str], calibrations: Sequence[Calibration], coverages: Sequence[Sequence[Coverage]]
) -> list[dict[str, Any]]:
    """Return what JSON can hold of each target."""
    return [
        {
            "name": name,
            "floor": one.floor,
            "slope": one.slope,
            "factors": {level: _known(factor) for level, factor in zip(LEVELS, one.factors, strict=True)},
            "coverage": {measured.level: [measured.within, measured.n] for measured in covered},
        }
        for name, one, covered in zip(names, calibrations, coverages, strict=True)
    ]


def _read(targets: Sequence[dict[str, Any]]) -> tuple[Any, Any, Any]:
    """Return names, calibrations and coverages of what `_stored` returned."""
    covered = (tuple(Coverage(level, int(k), int(n)) for level, (k, n) in one["coverage"].items()) for one in targets)
    return tuple(str(one["name"]) for one in targets), tuple(map(_calibration, targets)), tuple(covered)


def _calibration(one: dict[str, Any]) -> Calibration:
    factors = [one["factors"][level] for level in LEVELS]
    return Calibration(
        float(one["floor"]), float(one["slope"]), tuple(math.nan if f is None else float(f) for f in factors)
    )


def _known(factor: float) -> float | None:
    return None if math.isnan(factor) else factor


def _check_weights(path: Path, folders: Sequence[Path], weights: Sequence[str]) -> None:
    for folder, expected in zip(folders, weights, strict=True):
        if not folder.is_dir():
            raise ValueError(
                f"'{path}' names the network '{folder}', which is not there; keep both in the folder of their run, or run the "
                "same curve again."
            )
        if _digest(folder) != expected:
            raise ValueError(
                f"The network '{folder}' is another than the one that '{path}' was calibrated for; run the same curve again."
            )


def _digest(folder: Path) -> str:
    """Return what stands for the weights of a network."""
    content = hashlib.sha256()
    for checkpoint in sorted(folder.glob("*.pt")):
        content.update(checkpoint.read_bytes())
    return content.hexdigest()
