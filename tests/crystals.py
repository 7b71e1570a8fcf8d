"""Small crystals whose density is known as a formula, and CCP4 files written byte by byte, not by what reads them."""

from __future__ import annotations

import gzip
from pathlib import Path

import gemmi
import numpy as np
import torch

from deepchem_density.fields.maps import GriddedDensity

ATOMS = (("C", 0.10, 0.22, 0.31, 22.0, 1.0), ("N", 0.31, 0.15, 0.62, 25.0, 0.7), ("S", 0.72, 0.41, 0.12, 30.0, 1.0))
"""Element, fractional coordinates, B in Å² and occupancy."""

CRYSTALS = {
    "P 1": (8.1, 9.3, 7.4, 78.0, 96.0, 111.0),
    "P 1 21 1": (8.1, 9.3, 10.4, 90.0, 104.0, 90.0),
    "C 2 2 21": (11.1, 12.3, 9.4, 90.0, 90.0, 90.0),
    "P 43 21 2": (12.1, 12.1, 15.4, 90.0, 90.0, 90.0),
    "H 3": (14.1, 14.1, 9.4, 90.0, 90.0, 120.0),
}


def crystal(spacegroup: str) -> gemmi.Structure:
    structure = gemmi.Structure()
    structure.cell = gemmi.UnitCell(*CRYSTALS[spacegroup])
    structure.spacegroup_hm = spacegroup
    residue = gemmi.Residue()
    residue.name = "LIG"
    residue.seqid = gemmi.SeqId("1")
    for element, x, y, z, b_iso, occupancy in ATOMS:
        atom = gemmi.Atom()
        atom.name, atom.element = element, gemmi.Element(element)
        atom.pos = structure.cell.orthogonalize(gemmi.Fractional(x, y, z))
        atom.b_iso, atom.occ = b_iso, occupancy
        residue.add_atom(atom)
    chain = gemmi.Chain("A")
    chain.add_residue(residue)
    model = gemmi.Model(1)
    model.add_chain(chain)
    structure.add_model(model)
    structure.setup_cell_images()
    return structure


def computed(spacegroup: str, spacing: float = 0.25) -> gemmi.FloatGrid:
    """Return the density of a crystal in gemmi's calculation, with steps of at most ``spacing``."""
    structure = crystal(spacegroup)
    calculator = gemmi.DensityCalculatorX()
    calculator.d_min, calculator.rate, calculator.cutoff = 2 * spacing, 1.0, 1e-7
    calculator.set_grid_cell_and_spacegroup(structure)
    calculator.put_model_density_on_grid(structure[0])
    return calculator.grid


def formula(spacegroup: str, points: np.ndarray) -> np.ndarray:
    """Return the density at points (n, 3), summed over form factors, symmetry and neighbouring cells.

    A term a exp(-b s²/4) of a form factor is a (4π / (b + B))^(3/2) exp(-4π² r² / (b + B)) in space.
    """
    cell, operations = gemmi.UnitCell(*CRYSTALS[spacegroup]), gemmi.SpaceGroup(spacegroup).operations()
    orthogonal, fractional = np.array(cell.orth.mat.tolist()), np.array(cell.frac.mat.tolist())
    shifts = np.moveaxis(np.indices((5, 5, 5)), 0, -1).reshape(-1, 3) - 2
    inside = (points @ fractional.T) % 1
    density = np.zeros(len(points))
    for element, x, y, z, b_iso, occupancy in ATOMS:
        table = gemmi.Element(element).it92
        terms = [*zip(table.a, table.b, strict=True), (table.c, 0.0)]
        for operation in operations:
            image = np.array(operation.apply_to_xyz([x, y, z])) % 1 + shifts
            squares = np.square((inside[:, None] - image) @ orthogonal.T).sum(axis=-1)
            for a, b in terms:
                width = b + b_iso
                heights = occupancy * a * (4 * np.pi / width) ** 1.5 * np.exp(-4 * np.pi**2 * squares / width)
                density += heights.sum(axis=1)
    return density


def write_ccp4(
    path: Path,
    box: np.ndarray,
    cell: gemmi.UnitCell,
    start: tuple[int, ...] = (0, 0, 0),
    sampling: tuple[int, ...] | None = None,
    axes: tuple[int, int, int] = (1, 2, 3),
    spacegroup: int = 1,
    mode: int = 2,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    words: dict[int, int] | None = None,
) -> None:
    """Write a box of nodes along x, y and z, the fastest axis of the file being axes[0]."""
    order = [axis - 1 for axis in axes]
    header = np.zeros(256, dtype="<i4")
    floats = header.view("<f4")
    header[0:3] = np.array(box.shape)[order]
    header[3] = mode
    header[4:7] = np.array(start)[order]
    header[7:10] = box.shape if sampling is None else sampling
    floats[10:16] = cell.parameters
    header[16:19] = axes
    floats[19:22] = box.min(), box.max(), box.mean()
    header[22] = spacegroup
    floats[49:52] = origin
    header[52] = np.frombuffer(b"MAP ", dtype="<i4")[0]
    header[53] = np.frombuffer(b"\x44\x44\x00\x00", dtype="<i4")[0]
    for word, value in (words or {}).items():
        header[word - 1] = value
    stored = box.transpose(order).astype({0: "<i1", 1: "<i2", 2: "<f4"}[mode])
    path.write_bytes(header.tobytes() + stored.tobytes(order="F"))


def coefficients(spacegroup: str, pairs: tuple[tuple[str, str], ...], d_min: float = 1.2) -> gemmi.Mtz:
    """Return reflections of a crystal, with amplitudes multiplied by 1, 2, ... for each pair of labels."""
    transformed = gemmi.transform_map_to_f_phi(computed(spacegroup, 0.2))
    data = transformed.prepare_asu_data(dmin=d_min)
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup, mtz.cell = transformed.spacegroup, transformed.unit_cell
    mtz.add_dataset("computed")
    columns = [data.miller_array]
    for factor, pair in enumerate(pairs, 1):
        for label, kind in zip(pair, "FP", strict=True):
            mtz.add_column(label, kind)
        columns += [factor * abs(data.value_array), np.angle(data.value_array, deg=True)]
    mtz.set_data(np.column_stack(columns).astype(np.float32))
    return mtz


def fourier_sum(mtz: gemmi.Mtz, pair: tuple[str, str], where: np.ndarray) -> np.ndarray:
    """Return Σ F cos(2π h·x - φ) / V over the sphere of reflections."""
    cell = mtz.cell
    mtz.expand_to_p1()
    indices = mtz.make_miller_array()
    amplitudes, phases = (np.array(mtz.column_with_label(label)) for label in pair)
    fractional = where @ np.array(cell.frac.mat.tolist()).T
    waves = np.cos(2 * np.pi * fractional @ indices.T - np.radians(phases))
    # the expansion gives half of the sphere, whose other half are the Friedel mates
    weights = np.where((indices == 0).all(axis=1), 1, 2)
    return waves @ (weights * amplitudes) / cell.volume


def write_reflections(path: Path, mtz: gemmi.Mtz) -> None:
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    if plain.suffix == ".mtz":
        mtz.write_to_file(str(plain))
    else:
        plain.write_text(gemmi.MtzToCif().write_cif_to_string(mtz))
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(plain.read_bytes()))


def points(n: int = 200, reach: float = 15.0) -> np.ndarray:
    return np.random.default_rng(0).uniform(-reach, reach, (n, 3))


def values_at(density: GriddedDensity, where: np.ndarray) -> np.ndarray:
    return density.at(torch.as_tensor(where))[:, 0].numpy()
