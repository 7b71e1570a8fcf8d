"""Time atom-type voxels against libmolgrid: 2,000 molecules into 32³ voxels of 0.5 Å in 5 channels, one thread.

libmolgrid 0.5.5 does not import under numpy 2 and runs in an environment of its own, which a small worker serves; repeats
of both take turns. Without --molgrid-python it is left out.

    python3.11 -m venv /some/folder && /some/folder/bin/pip install "molgrid==0.5.5" "numpy<2"
    python benchmarks/atoms_vs_libmolgrid.py --molgrid-python /some/folder/bin/python --save

The numbers mean different things. Ours is a normalized Gaussian to 6 σ = 3 Å: voxels times their volume add up to the
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
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import report
from tqdm.auto import tqdm

from deepchem_density import AtomVoxel, Recipe, Structure, load_sample, voxelize
from deepchem_density.fields.atoms import AtomTypes
from deepchem_density.structure import atomic_number, vdw_radii

torch.set_num_threads(1)

PACKAGES = ("deepchem-density", "torch", "numpy")
RECIPE = Recipe("atom")
BATCH = 50
TOLERANCE = 1e-5
"""Of values between 0 and 1, in float32."""


class Ours:
    """Ways to voxelize all molecules; a method is timed whole, together with the Recipe's centring of the grid."""

    def __init__(self, structures: Sequence[Structure]) -> None:
        self.structures = structures
        channel = {atomic_number(element): i for i, element in enumerate(RECIPE.elements)}
        self.channels = [np.array([channel[int(number)] for number in s.numbers]) for s in structures]
        self.buffer = np.zeros((BATCH, *RECIPE.voxel_shape), dtype=np.float32)

    def voxels(self, i: int, zeros: np.ndarray | None = None) -> np.ndarray:
        structure = self.structures[i]
        field = AtomTypes(structure.positions, self.channels[i], RECIPE.n_channels, RECIPE.sigma)
        out = None if zeros is None else torch.from_numpy(zeros)
        return voxelize(field, RECIPE.grid(structure), out=out).numpy()

    def voxelize_dropped(self) -> None:
        for i in range(len(self.structures)):
            self.voxels(i)

    def voxelize_warm(self) -> None:
        for i in range(len(self.structures)):
            row = self.buffer[i % BATCH]
            row.fill(0)
            self.voxels(i, row)

    def voxelize_fresh(self) -> None:
        out = np.zeros((len(self.structures), *RECIPE.voxel_shape), dtype=np.float32)
        for i in range(len(self.structures)):
            self.voxels(i, out[i])

    def featurize_fresh(self) -> None:
        AtomVoxel().featurize(self.structures)


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


def write_molecules(structures: Sequence[Structure], channels: Sequence[np.ndarray], path: Path) -> None:
    """Write centres, padded positions, channels (-1 is padding) and radii for the worker."""
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
        centers=np.array([RECIPE.grid(s).center for s in structures], dtype=np.float32),
        positions=positions,
        channels=types,
        n_atoms=n_atoms,
        same_gaussian=np.full(shape, 2 * RECIPE.sigma, dtype=np.float32),
        van_der_waals=radii,
        n_channels=RECIPE.n_channels,
        n=RECIPE.voxels_per_edge,
        resolution=RECIPE.voxel_width,
    )


def check_meaning(libmolgrid: Libmolgrid, ours: Ours, atom: int) -> float:
    """Return the largest difference inside R = 2σ of one atom, ours divided by its height (2πσ²)^(-3/2)."""
    structure = ours.structures[atom]
    mine = ours.voxels(atom) * (2 * np.pi * RECIPE.sigma**2) ** 1.5
    theirs = libmolgrid.grid(atom)
    distances = np.linalg.norm(RECIPE.grid(structure).points() - structure.positions[0], axis=-1)
    inside = distances < 2 * RECIPE.sigma
    difference = float(np.abs(mine - theirs)[inside].max())
    if not difference <= TOLERANCE or theirs[distances > 3 * RECIPE.sigma].any():
        raise SystemExit(
            f"One atom differs by {difference:.3g} inside R = 2σ, accepted is {TOLERANCE:g}, or libmolgrid's reaches beyond "
            "1.5 R; the two do not compute what is written above, so their times cannot be compared."
        )
    return difference


def one_atom() -> Structure:
    """A carbon beside the centre of its grid, away from every symmetry of the voxels."""
    return Structure([6], [[0.13, -0.21, 0.08]], name="one atom")


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
        "ours, voxelize into a fresh array": timed(ours.voxelize_fresh),
        "ours, AtomVoxel().featurize, fresh array": timed(ours.featurize_fresh),
    }


def their_ways(libmolgrid: Libmolgrid) -> dict[str, Callable[[], float]]:
    return {
        f"libmolgrid, {size}, {buffer}, {label}": lambda c=f"{call}_{kind}", r=radii: libmolgrid.seconds(c, r)
        for radii, label in (("same_gaussian", "R = 1 Å"), ("van_der_waals", "van der Waals R"))
        for size, call in (("single", "single"), ("batches", "batched"))
        for buffer, kind in (("warm buffer", "warm"), ("fresh array", "fresh"))
    }


def ratios(table: pd.DataFrame) -> dict[str, float]:
    """Return how many times faster ours is than libmolgrid's faster way, by kind of buffer and radius."""
    rates = table.set_index("way")["grids_per_s"]
    mine = {
        "warm buffer": "ours, voxelize into a warm buffer",
        "fresh array": "ours, AtomVoxel().featurize, fresh array",
    }
    return {
        f"ours / libmolgrid's fastest, {buffer}, {label}": float(
            rates[way] / rates[[name for name in rates.index if buffer in name and name.endswith(label)]].max()
        )
        for buffer, way in mine.items()
        for label in ("R = 1 Å", "van der Waals R")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=2000, help="molecules of the sample, up to 2,000")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--molgrid-python", help="python of an environment that has libmolgrid")
    parser.add_argument(
        "--save", action="store_true", help="write benchmarks/results/atoms_vs_libmolgrid.csv and .json"
    )
    given = parser.parse_args()

    sample = load_sample()
    if not 1 <= given.n <= len(sample):
        parser.error(f"--n {given.n} arrived; the sample has 1 to {len(sample)} molecules")
    # evenly over the sample, which rises in size
    chosen = sample.subset(np.linspace(0, len(sample) - 1, given.n).round().astype(int))
    ours = Ours(chosen.structures())
    notes: dict[str, object] = {"molecules": given.n, "atoms per molecule": float(chosen.n_atoms.mean())}
    if given.molgrid_python is None:
        table = measure(our_ways(ours), given.n, given.repeats)
        notes["libmolgrid"] = "left out; name an environment that has it with --molgrid-python"
    else:
        with tempfile.TemporaryDirectory() as folder:
            table, found = side_by_side(ours, given.molgrid_python, Path(folder), given.repeats)
        notes |= found
    report("atoms_vs_libmolgrid", table, notes, PACKAGES, given.save)


def side_by_side(ours: Ours, python: str, folder: Path, repeats: int) -> tuple[pd.DataFrame, dict[str, object]]:
    """Check that the numbers mean the same, then time both."""
    alone = Ours([one_atom()])
    write_molecules(alone.structures, alone.channels, folder / "molecules.npz")
    worker = Libmolgrid(python, folder)
    difference = check_meaning(worker, alone, 0)
    worker.close()
    write_molecules(ours.structures, ours.channels, folder / "molecules.npz")
    worker = Libmolgrid(python, folder)
    table = measure(our_ways(ours) | their_ways(worker), len(ours.structures), repeats)
    worker.close()
    notes = {"versions of the worker": ", ".join(f"{name} {version}" for name, version in worker.versions.items())}
    return table, notes | {"largest difference inside R, relative to the height": difference} | ratios(table)


if __name__ == "__main__":
    main()
