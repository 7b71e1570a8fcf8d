"""Time atom-type voxels against libmolgrid, one thread: molecules, or pockets.

2,000 molecules of QM9 into 32³ voxels of 0.5 Å in 5 channels; with --pockets, a folder in PDBbind's layout, complexes into
48³ voxels of 0.5 Å around the ligand in 10 channels, and occupancy in one.

libmolgrid 0.5.5 does not import under numpy 2 and runs in an environment of its own, which a small worker serves; repeats
of both take turns. Without --molgrid-python it is left out.

    python3.11 -m venv /some/folder && /some/folder/bin/pip install "molgrid==0.5.5" "numpy<2"
    python benchmarks/atoms_vs_libmolgrid.py --molgrid-python /some/folder/bin/python --save
    python benchmarks/atoms_vs_libmolgrid.py --molgrid-python /some/folder/bin/python --pockets /folder/of/pdbbind --save

The numbers mean different things. Ours is a normalized Gaussian to 5.3 σ = 2.6 Å: voxels times their volume add up to the
atoms. libmolgrid's has the height 1: exp(-2d²/R²) to the radius R of the atom, then a quadratic that ends at 1.5 R. With
R = 2σ the Gaussians are the same inside R, which is checked first. It is timed with that radius (1 Å, the fewest voxels)
and with van der Waals radii.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import report
from tqdm.auto import tqdm

from deepchem_density import AtomVoxel, Complex, Recipe, Structure, VoxelGrid, load_sample, voxelize
from deepchem_density.fields import AtomTypes, VdwOccupancy, voxelize_atoms, voxelize_spheres
from deepchem_density.structures import vdw_radii
from deepchem_density.voxels import parts_of
from deepchem_density.voxels.settings import OF_QM9

torch.set_num_threads(1)

PACKAGES = ("deepchem-density", "torch", "numpy")
QM9 = Recipe("atom", elements=OF_QM9, other=False)
POCKET_ELEMENTS = ("H", "C", "N", "O", "F", "P", "S", "Cl", "Zn")
POCKET = Recipe("atom", box_width=24.0, elements=POCKET_ELEMENTS, other=True)
BATCH = 50
TOLERANCE = 1e-5
"""Of values between 0 and 1, in float32."""


class Ours:
    """Ways to voxelize all datapoints; a method is timed whole, from positions and centre to voxels."""

    def __init__(self, recipe: Recipe, complexes: Sequence[Complex]) -> None:
        self.recipe = recipe
        self.complexes = complexes
        self.structures = [parts_of(recipe.representation, recipe, whole)[0] for whole in complexes]
        self.centers = [whole.ligand.positions.mean(axis=0) for whole in complexes]
        self.fields = [recipe.field(structure) for structure in self.structures]
        self.channels = [field.channels for field in self.fields]
        self.n_channels = recipe.n_channels
        self.buffer = np.zeros((BATCH, *recipe.voxel_shape), dtype=np.float32)

    def voxels(self, i: int, array: np.ndarray | None = None) -> np.ndarray:
        grid = VoxelGrid(self.centers[i], self.recipe.box_width, self.recipe.voxel_width)
        field = AtomTypes(self.structures[i].positions, self.channels[i], self.n_channels, self.recipe.sigma)
        out = None if array is None else torch.from_numpy(array)
        return voxelize(field, grid, out=out).numpy()

    def voxelize_dropped(self) -> None:
        for i in range(len(self.structures)):
            self.voxels(i)

    def voxelize_warm(self) -> None:
        for i in range(len(self.structures)):
            self.voxels(i, self.buffer[i % BATCH])

    def batches_warm(self) -> None:
        recipe, axis = self.recipe, self.axis()
        for part in self.batches():
            local = [self.structures[i].positions - self.centers[i] for i in part]
            out = torch.from_numpy(self.buffer[: len(part)])
            channels = [self.channels[i] for i in part]
            voxelize_atoms(local, channels, self.n_channels, axis, recipe.sigma, out)

    def voxelize_fresh(self) -> None:
        out = np.empty((len(self.structures), *self.recipe.voxel_shape), dtype=np.float32)
        for i in range(len(self.structures)):
            self.voxels(i, out[i])

    def featurize_fresh(self) -> None:
        settings = {"box_width": self.recipe.box_width, "elements": self.recipe.elements, "other": self.recipe.other}
        AtomVoxel(**settings).featurize(self.complexes)

    def occupancy_warm(self) -> None:
        for i, structure in enumerate(self.structures):
            row = self.buffer[i % BATCH, ..., 0].reshape(-1)[: self.recipe.voxels_per_edge**3]
            out = torch.from_numpy(row.reshape(*self.recipe.voxel_shape[:3], 1))
            grid = VoxelGrid(self.centers[i], self.recipe.box_width, self.recipe.voxel_width)
            voxelize(VdwOccupancy(structure.positions, vdw_radii(structure.numbers)), grid, out=out)

    def occupancy_batches_warm(self) -> None:
        n, axis = self.recipe.voxels_per_edge, self.axis()
        for part in self.batches():
            local = [self.structures[i].positions - self.centers[i] for i in part]
            radii = [vdw_radii(self.structures[i].numbers) for i in part]
            out = torch.from_numpy(self.buffer.reshape(-1)[: len(part) * n**3].reshape(len(part), n, n, n, 1))
            voxelize_spheres(local, radii, axis, out)

    def axis(self) -> torch.Tensor:
        grid = VoxelGrid(box_width=self.recipe.box_width, voxel_width=self.recipe.voxel_width)
        return torch.tensor(grid.axis(), dtype=torch.float32)

    def batches(self) -> list[range]:
        n = len(self.structures)
        return [range(first, min(first + BATCH, n)) for first in range(0, n, BATCH)]


class Libmolgrid:
    """A worker process that runs libmolgrid."""

    def __init__(self, python: str, folder: Path) -> None:
        worker = Path(__file__).with_name("_libmolgrid_worker.py")
        self.folder = folder
        self.process = subprocess.Popen(
            [python, str(worker), str(folder / "molecules.npz"), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.versions = self._answer()

    def seconds(self, command: str, radii: str) -> float:
        """Return how long one of the worker's ways took."""
        return self._ask(f"{command} {radii}")["seconds"]

    def grid(self, i: int) -> np.ndarray:
        """Return the voxels of one molecule with R = 2σ, channels last."""
        self._ask(f"grid same_gaussian {i}")
        return np.moveaxis(np.load(self.folder / "grid.npy"), 0, -1)

    def close(self) -> None:
        """End the worker."""
        self.process.stdin.close()
        self.process.wait()

    def _ask(self, line: str) -> dict:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        for line in self.process.stdout:
            if line.startswith("{"):  # its import prints a line about torch
                return json.loads(line)
        raise SystemExit(f"libmolgrid's worker ended with exit code {self.process.wait()}; its own message is above.")


def write_molecules(ours: Ours, path: Path) -> None:
    """Write centres, padded positions, channels (-1 is padding) and radii for the worker."""
    structures, channels, recipe = ours.structures, ours.channels, ours.recipe
    n_atoms = np.array([len(s.numbers) for s in structures])
    shape = (len(structures), n_atoms.max())
    positions = np.zeros((*shape, 3), dtype=np.float32)
    types, radii = np.full(shape, -1, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    for i, (structure, n) in enumerate(zip(structures, n_atoms, strict=True)):
        positions[i, :n] = structure.positions
        types[i, :n] = channels[i]
        radii[i, :n] = vdw_radii(structure.numbers)
    np.savez(
        path,
        centers=np.array(ours.centers, dtype=np.float32),
        positions=positions,
        channels=types,
        n_atoms=n_atoms,
        same_gaussian=np.full(shape, 2 * recipe.sigma, dtype=np.float32),
        van_der_waals=radii,
        n_channels=recipe.n_channels,
        n=recipe.voxels_per_edge,
        resolution=recipe.voxel_width,
    )


def check_meaning(libmolgrid: Libmolgrid, ours: Ours) -> float:
    """Return the largest difference inside R = 2σ of one atom, ours divided by its height (2πσ²)^(-3/2)."""
    sigma = ours.recipe.sigma
    mine = ours.voxels(0) * (2 * np.pi * sigma**2) ** 1.5
    theirs = libmolgrid.grid(0)
    points = VoxelGrid(ours.centers[0], ours.recipe.box_width, ours.recipe.voxel_width).points()
    distances = np.linalg.norm(points - ours.structures[0].positions[0], axis=-1)
    inside = distances < 2 * sigma
    difference = float(np.abs(mine - theirs)[inside].max())
    if not difference <= TOLERANCE or theirs[distances > 3 * sigma].any():
        raise SystemExit(
            f"One atom differs by {difference:.3g} inside R = 2σ, accepted is {TOLERANCE:g}, or libmolgrid's reaches beyond "
            "1.5 R; the two do not compute what is written above, so their times cannot be compared."
        )
    return difference


def one_atom() -> Complex:
    """A carbon beside the centre of its grid, away from every symmetry of the voxels."""
    carbon = Structure([6], [[0.13, -0.21, 0.08]], name="one atom")
    return Complex(Structure([6], [[0.0, 0.0, 0.0]]), carbon)


def molecules(n: int) -> list[Complex]:
    """Return molecules spread evenly over the sample, which rises in size."""
    sample = load_sample()
    chosen = sample.subset(np.linspace(0, len(sample) - 1, n).round().astype(int))
    return [Complex(structure) for structure in chosen.structures()]


def pockets(folder: Path, n: int) -> list[Complex]:
    """Return complexes spread evenly over a folder in PDBbind's layout; those that cannot be read are left out."""
    found = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = place / f"{place.name}_ligand.sdf", place / f"{place.name}_pocket.pdb"
        if all(file.is_file() for file in files):
            found.append(files)
    chosen = [found[i] for i in np.linspace(0, len(found) - 1, min(n, len(found))).round().astype(int)]
    return [POCKET.read(files) for files in chosen]


def measure(ways: dict[str, Callable[[], float]], n: int, repeats: int) -> pd.DataFrame:
    """Return a table from ways that give their own seconds, each taken once per round."""
    for way in ways.values():
        way()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in tqdm(range(repeats), desc="repeats", disable=None, leave=False):
        for name, way in ways.items():
            seconds[name].append(way())
    table = pd.DataFrame({"way": list(seconds), "median_s": [np.median(found) for found in seconds.values()]})
    table["fastest_s"] = [min(found) for found in seconds.values()]
    table["grids_per_s"] = n / table["median_s"]
    table["ms_per_grid"] = 1e3 * table["median_s"] / n
    return table


def timed(function: Callable[[], object]) -> Callable[[], float]:
    def seconds() -> float:
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    return seconds


def our_ways(ours: Ours) -> dict[str, Callable[[], float]]:
    return {
        "ours, voxelize, result dropped": timed(ours.voxelize_dropped),
        "ours, voxelize into a warm buffer": timed(ours.voxelize_warm),
        "ours, batches into a warm buffer": timed(ours.batches_warm),
        "ours, voxelize into a fresh array": timed(ours.voxelize_fresh),
        "ours, AtomVoxel().featurize, fresh array": timed(ours.featurize_fresh),
        "ours, occupancy in one channel into a warm buffer": timed(ours.occupancy_warm),
        "ours, occupancy in one channel, batches into a warm buffer": timed(ours.occupancy_batches_warm),
    }


def their_ways(libmolgrid: Libmolgrid) -> dict[str, Callable[[], float]]:
    return {
        f"libmolgrid, {size}, {buffer}, {label}": lambda c=f"{call}_{kind}", r=radii: libmolgrid.seconds(c, r)
        for radii, label in (("same_gaussian", "R = 1 Å"), ("van_der_waals", "van der Waals R"))
        for size, call in (("single", "single"), ("batches", "batched"))
        for buffer, kind in (("warm buffer", "warm"), ("fresh array", "fresh"))
    }


def ratios(table: pd.DataFrame, what: str) -> dict[str, float]:
    """Return how many times faster ours is than libmolgrid's faster way, by radius, one molecule at a time and in batches."""
    rates = table.set_index("way")["grids_per_s"]
    mine = {
        "": ("ours, batches into a warm buffer", "warm buffer"),
        ", one at a time": ("ours, voxelize into a warm buffer", "warm buffer"),
        ", AtomVoxel into a fresh array": ("ours, AtomVoxel().featurize, fresh array", "fresh array"),
    }
    radii = {"van der Waals radii": "van der Waals R", "radii of 1 A": "R = 1 Å"}
    theirs = rates[rates.index.str.startswith("libmolgrid")]
    return {
        f"{what} vs libmolgrid, {radius}{how}": float(
            rates[way] / theirs[theirs.index.str.contains(buffer) & theirs.index.str.endswith(label)].max()
        )
        for how, (way, buffer) in mine.items()
        for radius, label in radii.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=0, help="grids, by default 2,000 molecules or 200 pockets")
    parser.add_argument("--pockets", type=Path, help="folder in PDBbind's layout; without it molecules of QM9")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--molgrid-python", help="python of an environment that has libmolgrid")
    parser.add_argument("--save", action="store_true", help="write .csv and .json into benchmarks/results")
    given = parser.parse_args()

    n = given.n or (200 if given.pockets else 2000)
    recipe, complexes = (POCKET, pockets(given.pockets, n)) if given.pockets else (QM9, molecules(n))
    ours = Ours(recipe, complexes)
    atoms = [len(structure.numbers) for structure in ours.structures]
    found: dict[str, float] = {}
    notes: dict[str, object] = {"grids": len(atoms), "atoms per grid": float(np.mean(atoms))}
    if given.molgrid_python is None:
        table = measure(our_ways(ours), len(atoms), given.repeats)
        notes["libmolgrid"] = "left out; name an environment that has it with --molgrid-python"
    else:
        with tempfile.TemporaryDirectory() as folder:
            table, more = side_by_side(ours, given.molgrid_python, Path(folder), given.repeats)
        notes |= more
        found = ratios(table, "pockets" if given.pockets else "atom types")
    name = "atoms_vs_libmolgrid_pockets" if given.pockets else "atoms_vs_libmolgrid"
    report(name, table, notes, PACKAGES, given.save, found)


def side_by_side(ours: Ours, python: str, folder: Path, repeats: int) -> tuple[pd.DataFrame, dict[str, object]]:
    """Check that the numbers mean the same, then time both."""
    alone = Ours(replace(ours.recipe, part="protein"), [one_atom()])
    write_molecules(alone, folder / "molecules.npz")
    worker = Libmolgrid(python, folder)
    difference = check_meaning(worker, alone)
    worker.close()
    write_molecules(ours, folder / "molecules.npz")
    worker = Libmolgrid(python, folder)
    table = measure(our_ways(ours) | their_ways(worker), len(ours.structures), repeats)
    worker.close()
    notes = {"versions of the worker": ", ".join(f"{name} {version}" for name, version in worker.versions.items())}
    return table, notes | {"largest difference inside R, relative to the height": difference}


if __name__ == "__main__":
    main()
