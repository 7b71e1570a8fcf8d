"""Map coefficients, amplitudes and phases of reflections in MTZ and mmCIF, summed to the map of a unit cell.

Source of the formats: https://www.ccp4.ac.uk/html/mtzformat.html and https://mmcif.wwpdb.org. They are read by gemmi, M. Wojdyr,
J. Open Source Softw. 7, 4200 (2022), doi:10.21105/joss.04200.
"""

from __future__ import annotations

import math
from pathlib import Path

import gemmi
import numpy as np

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.ccp4_maps import LARGEST_GZIP_RATIO
from deepchem_density.fields.maps import GriddedValues, check_nodes
from deepchem_density.structures.text_files import read_text

__all__ = [
    "COEFFICIENT_SUFFIXES",
    "DIFFERENCE_COEFFICIENTS",
    "MAP_COEFFICIENTS",
    "Pair",
    "map_of_coefficients",
    "pair_of",
]

Pair = tuple[str, str]

MAP_COEFFICIENTS: tuple[Pair, ...] = (("FWT", "PHWT"), ("2FOFCWT", "PH2FOFCWT"), ("pdbx_FWT", "pdbx_PHWT"))
"""Amplitude and phase of 2mFo-DFc maps, in the order in which they are looked for: REFMAC and PDB-REDO; PHENIX and BUSTER;
the PDB's mmCIF."""

DIFFERENCE_COEFFICIENTS: tuple[Pair, ...] = (
    ("DELFWT", "PHDELWT"),
    ("FOFCWT", "PHFOFCWT"),
    ("pdbx_DELFWT", "pdbx_DELPHWT"),
)
"""Those of mFo-DFc maps, used only where they are asked for."""

SAMPLE_RATE = 4.0
"""Nodes per d_min. Between them tricubic interpolation of a 2mFo-DFc map errs by 1 to 2 % of σ (root mean square); with the
usual 3 by 3 to 5 %."""

NODES_PER_REFLECTION, SMALL_GRID = 10_000, 1 << 22
"""Above so many nodes a grid of a crystal has fewer of them a reflection than this: about 30, times its symmetry operations
and what is missing of its reflections. More are those of a damaged cell or index."""

COEFFICIENT_SUFFIXES = (".mtz", ".cif", ".mmcif", ".ent")


def pair_of(coefficients: Pair | str | None) -> Pair | None:
    """Return the labels of amplitude and phase, or None to look for them.

    Raises
    ------
    ValueError
        Neither two labels nor one whose partner is known.
    """
    if coefficients is None:
        return None
    labels = tuple(coefficients.split(",") if isinstance(coefficients, str) else coefficients)
    partner = dict((*MAP_COEFFICIENTS, *DIFFERENCE_COEFFICIENTS))
    if len(labels) == 1 and labels[0] in partner:
        return labels[0], partner[labels[0]]
    if len(labels) != 2 or not all(isinstance(label, str) and label.strip() for label in labels):
        raise ValueError(
            f"coefficients={coefficients!r} arrived; the labels of amplitude and phase are accepted, for instance "
            f"('FWT', 'PHWT'), or one of {', '.join(partner)}."
        )
    return labels[0].strip(), labels[1].strip()


def map_of_coefficients(path: Path, suffix: str, pair: Pair | None) -> GriddedValues:
    """Return the map of the cell from the first reflections with the coefficients that are looked for.

    Parameters
    ----------
    path : Path
        The file, also compressed.
    suffix : str
        Its ending before .gz, one of `COEFFICIENT_SUFFIXES`.
    pair : tuple of str, optional
        Labels of amplitude and phase; by default the first of `MAP_COEFFICIENTS` in the file.

    Returns
    -------
    GriddedValues
        At `SAMPLE_RATE` nodes per d_min; on absolute scale in e/Å³ less the mean.

    Raises
    ------
    FeaturizationError
        Columns or reflections that are not there, coefficients that are not finite, a damaged cell or index.
    """
    reflections = _reflections(path, suffix)
    labels = [set(block.column_labels()) for block in reflections]
    for wanted in (pair,) if pair else MAP_COEFFICIENTS:
        for block, present in zip(reflections, labels, strict=True):
            if present.issuperset(wanted):
                return _transformed(block, wanted, path.name)
    columns = dict.fromkeys(label for block in reflections for label in block.column_labels())
    expected = " + ".join(pair) if pair else ", ".join(" + ".join(known) for known in MAP_COEFFICIENTS)
    raise FeaturizationError(
        f"'{path.name}' has the columns {', '.join(columns)}, but not {expected}; name amplitude and phase with "
        "coefficients=. Measured amplitudes alone make no map: take the map coefficients of the PDB or PDB-REDO."
    )


def _reflections(path: Path, suffix: str) -> list[gemmi.Mtz | gemmi.ReflnBlock]:
    """Return the reflections of an MTZ file, or of each block of a CIF file that has any."""
    if suffix == ".mtz":
        _check_mtz(path)
        return [gemmi.read_mtz_file(str(path))]
    blocks: list[gemmi.Mtz | gemmi.ReflnBlock] = [
        block for block in gemmi.as_refln_blocks(_cif(path)) if block.default_loop is not None
    ]
    if not blocks:
        raise FeaturizationError(
            f"'{path.name}' holds no reflections; a map needs amplitudes and phases, atoms are passed as ligand or protein."
        )
    return blocks


def _cif(path: Path) -> gemmi.cif.Document:
    return gemmi.cif.read_string(read_text(path).encode("ascii", "backslashreplace"))  # as CIF 1.1 demands


def _check_mtz(path: Path) -> None:
    """Refuse an MTZ file whose header announces more reflections than it holds, before memory is asked for."""
    header = gemmi.read_mtz_file(str(path), with_data=False)
    needed = 4.0 * header.nreflections * len(header.columns)
    held = path.stat().st_size * (LARGEST_GZIP_RATIO if path.suffix.lower() == ".gz" else 1)
    if not header.nreflections:
        raise FeaturizationError(_no_rows(path.name))
    if header.nreflections < 0 or needed > held:
        raise FeaturizationError(
            f"'{path.name}' announces {header.nreflections:,} reflections of {len(header.columns)} columns and has "
            f"{path.stat().st_size:,} bytes; it is broken off or damaged: get it again."
        )


def _transformed(block: gemmi.Mtz | gemmi.ReflnBlock, pair: Pair, name: str) -> GriddedValues:
    if isinstance(block, gemmi.Mtz) and block.column_with_label(pair[1]).type != "P":
        raise FeaturizationError(
            f"Column {pair[1]} of '{name}' holds no phases; name amplitude and phase in this order."
        )
    _check_grid(block, name)
    grid = block.transform_f_phi_to_map(*pair, sample_rate=SAMPLE_RATE)
    values = np.array(grid)
    if not np.isfinite(values).all() or not values.any():
        raise FeaturizationError(f"Columns {' and '.join(pair)} of '{name}' hold no finite map coefficients.")
    return GriddedValues(values, np.zeros(3), _steps(grid.unit_cell, values.shape), True)


def _check_grid(block: gemmi.Mtz | gemmi.ReflnBlock, name: str) -> None:
    """Refuse what would be transformed for ever, or onto a grid that no file of this size has."""
    indices = block.make_miller_array()
    cell = block.cell
    if not len(indices):
        raise FeaturizationError(_no_rows(name))
    lengths = np.array(cell.parameters)
    d_star = np.sqrt(block.make_1_d2_array())
    if not np.isfinite(lengths).all() or not cell.volume > 1 or not np.isfinite(d_star).all() or not d_star.max() > 0:
        raise FeaturizationError(
            f"'{name}' has the cell {' '.join(f'{value:g}' for value in lengths)} and indices up to {np.abs(indices).max()}; a "
            "unit cell in Å and degrees and reflections beside 0 0 0 are accepted: its header is damaged."
        )
    estimate = np.maximum(SAMPLE_RATE * d_star.max() * lengths[:3], 2.0 * np.abs(indices).max(axis=0) + 1)
    sizes = [int(n) for n in np.ceil(estimate)]
    check_nodes(name, sizes)
    if math.prod(sizes) > max(SMALL_GRID, NODES_PER_REFLECTION * len(indices)):
        times = " x ".join(f"{n:,}" for n in sizes)
        raise FeaturizationError(
            f"'{name}' has {len(indices):,} reflections for a grid of {times} nodes, more than {NODES_PER_REFLECTION:,} a "
            "reflection; its cell or an index is damaged: get it again."
        )


def _no_rows(name: str) -> str:
    return f"'{name}' holds no reflections: 0 rows; get it again, or take another file of the entry."


def _steps(cell: gemmi.UnitCell, sampling: np.ndarray | tuple[int, ...]) -> np.ndarray:
    """Return the step along each axis of a cell, in columns."""
    return np.array(cell.orth.mat.tolist()) / np.array(sampling)
