"""What stands for the content of a datapoint, files included: two that differ in anything have different fingerprints."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

from deepchem_density.fields.maps import GriddedDensity
from deepchem_density.structures.structure import Structure
from deepchem_density.voxels.datapoints import Complex, is_missing, is_path

__all__ = ["FINGERPRINT_BYTES", "fingerprint"]

FINGERPRINT_BYTES = 32


def fingerprint(datapoint: Any) -> bytes:
    """Return a digest of all that a datapoint holds, the content of its files included."""
    if isinstance(datapoint, Complex):
        datapoint = (datapoint.ligand, datapoint.protein, datapoint.density_map)
    if isinstance(datapoint, (tuple, list, np.ndarray)):
        content = b"".join(fingerprint(part) for part in datapoint)
    elif isinstance(datapoint, (str, Path)):
        if is_path(datapoint) and Path(datapoint).is_file():
            about = Path(datapoint).stat()
            return _file_digest(str(datapoint), about.st_mtime_ns, about.st_size)
        content = str(datapoint).encode()
    else:
        content = b"".join(np.ascontiguousarray(values).tobytes() for values in _content(datapoint))
    return hashlib.sha256(content).digest()


@lru_cache(maxsize=100_000)
def _file_digest(path: str, _changed: int, _size: int) -> bytes:
    """Return the digest of a file; many ligands share a pocket, and curves ask again. A file that changed is read again."""
    return hashlib.sha256(Path(path).read_bytes()).digest()


def _content(datapoint: Any) -> list[Any]:
    """Return the arrays that make up what was read already."""
    if is_missing(datapoint):
        return []
    if isinstance(datapoint, Structure):
        arrays = [getattr(datapoint, name) for name in ("b_iso", "site_occupancy", "formal_charges", "residues")]
        about = [datapoint.charge, datapoint.unpaired, *(values is None for values in arrays)]
        return [about, datapoint.numbers, datapoint.positions, *(values for values in arrays if values is not None)]
    if isinstance(datapoint, GriddedDensity):
        return [datapoint.periodic, datapoint.values, datapoint.origin, datapoint.steps]
    if isinstance(datapoint, Chem.Mol):
        return [np.frombuffer(datapoint.ToBinary(Chem.PropertyPickleOptions.AllProps), dtype=np.uint8)]
    raise TypeError(f"a {type(datapoint).__name__} has no content that could be told from others")
