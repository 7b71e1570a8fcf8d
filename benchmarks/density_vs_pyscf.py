"""Time the density and its gradient on grids against PySCF with the same orbitals, and the solver beside them.

Each molecule of the embedded sample is solved once and looked at on 32³ voxels of 0.5 Å, with one thread. Every tenth is
also evaluated by PySCF (``eval_gto`` and one matrix product with the occupied orbitals) at the same points, right before
or right after; values must agree before any time counts. The ratio to PySCF is that of the first look at a molecule, while
ratios of our own jobs to each other are to the second.

    python benchmarks/density_vs_pyscf.py --save
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import dataclasses
import gc
import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import report
from pyscf import gto
from tqdm.auto import tqdm

from deepchem_density import DensityVoxel, Recipe, Structure, load_sample, voxelize, xtb_density
from deepchem_density.fields import BOHR_PER_ANGSTROM, E_PER_ANGSTROM3, GradientMagnitude, OrbitalDensity
from deepchem_density.structures import symbol
from deepchem_density.workers import stop_workers

torch.set_num_threads(1)

PACKAGES = ("deepchem-density", "torch", "numpy", "pyscf", "xtb", "tblite")
PYSCF_EVERY = 10
REPEATS = 3
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-6}
"""Largest difference from PySCF in e/Å³."""


class PyscfDensity:
    """The same orbitals in PySCF.

    PySCF normalizes each contracted function and orders its functions as this package does for s, p and d; the norm of
    ours, 1 within the accuracy of STO-nG, goes into the orbitals.
    """

    def __init__(self, structure: Structure, density: OrbitalDensity) -> None:
        basis = density.basis
        labels = [symbol(number) for number in structure.numbers]
        atoms = list(zip(labels, structure.positions * BOHR_PER_ANGSTROM, strict=True))
        self.molecule = gto.M(atom=atoms, unit="Bohr", basis=_shells(labels, structure, density), spin=None, verbose=0)
        self.orbitals = density.orbitals * np.sqrt(np.diag(basis.overlap))[:, None]

    def at(self, points_bohr: np.ndarray) -> np.ndarray:
        """Return ρ (n,) in e/bohr³."""
        functions = self.molecule.eval_gto("GTOval_sph", points_bohr)
        return ((functions @ self.orbitals) ** 2).sum(1)


def _shells(labels: Sequence[str], structure: Structure, density: OrbitalDensity) -> dict[str, list]:
    """Return PySCF's basis of each element: [l, (exponent, coefficient of the normalized primitive), ...] a shell."""
    basis = density.basis
    first = np.cumsum(2 * basis.angular_momenta + 1) - (2 * basis.angular_momenta + 1)
    shells: dict[int, list] = {}
    for angular_momentum, column in zip(basis.angular_momenta.tolist(), first, strict=True):
        rows = np.flatnonzero(basis.primitives.contraction[:, column])
        exponents = basis.primitives.exponents[rows]
        # a factor common to all primitives does not matter, since the contraction is normalized
        coefficients = basis.primitives.contraction[rows, column] / exponents ** ((2 * angular_momentum + 3) / 4)
        center = basis.primitives.centers_bohr[rows[0]]
        atom = int(np.linalg.norm(structure.positions * BOHR_PER_ANGSTROM - center, axis=1).argmin())
        shells.setdefault(atom, []).append([angular_momentum, *zip(exponents, coefficients, strict=True)])
    return {label: shells[atom] for atom, label in enumerate(labels)}


def milliseconds(function: Callable[[], object]) -> tuple[float, object]:
    """Return the time of one call and what it returned."""
    start = time.perf_counter()
    result = function()
    return (time.perf_counter() - start) * 1e3, result


def time_molecule(structure: Structure, engines: Sequence[str], with_pyscf: bool, pyscf_first: bool) -> dict:
    """Return one row of times in ms, and the differences from PySCF where it ran."""
    row: dict[str, float] = {}
    densities = {}
    for engine in engines[::-1] if pyscf_first else engines:
        row[f"scf {engine}"], densities[engine] = milliseconds(lambda name=engine: xtb_density(structure, name))
    density = densities[engines[0]]
    recipe = Recipe("density")

    def ours() -> torch.Tensor:
        return voxelize(density, recipe.grid(structure))

    if not with_pyscf:
        row["density"], _ = milliseconds(ours)
    else:
        reference = PyscfDensity(structure, density)
        points = recipe.grid(structure).points().reshape(-1, 3) * BOHR_PER_ANGSTROM
        if pyscf_first:
            row["pyscf"], expected = milliseconds(lambda: reference.at(points))
            row["density"], values = milliseconds(ours)
        else:
            row["density"], values = milliseconds(ours)
            row["pyscf"], expected = milliseconds(lambda: reference.at(points))
        row["density float64"], double = milliseconds(
            lambda: voxelize(density, recipe.grid(structure), dtype=torch.float64)
        )
        row |= differences(structure, (values, double), expected * E_PER_ANGSTROM3)
    # the first look found the caches full of other things, which the next ones do not
    row["density again"], _ = milliseconds(ours)
    row["gradient"], _ = milliseconds(lambda: voxelize(GradientMagnitude(density), recipe.grid(structure)))
    fine = dataclasses.replace(recipe, voxel_width=recipe.voxel_width / 2).grid(structure)
    row["density 64"], _ = milliseconds(lambda: voxelize(density, fine))
    row["gradient 64"], _ = milliseconds(lambda: voxelize(GradientMagnitude(density), fine))
    return row


def differences(structure: Structure, voxels: Sequence[torch.Tensor], expected: np.ndarray) -> dict[str, float]:
    """Return the largest difference from PySCF in e/Å³ in each precision, and refuse one that is too large."""
    found = {}
    for values in voxels:
        difference = float(np.abs(values.numpy().ravel() - expected).max())
        if not difference <= TOLERANCE[values.dtype]:
            raise SystemExit(
                f"{structure.name}: PySCF differs by {difference:.3g} e/Å³ in {values.dtype}, accepted is "
                f"{TOLERANCE[values.dtype]:g}; the two do not compute the same, so their times cannot be compared."
            )
        found[f"difference {str(values.dtype).removeprefix('torch.')}"] = difference
    return found


def time_all(structures: Sequence[Structure], engines: Sequence[str]) -> pd.DataFrame:
    """Return one row per molecule."""
    for structure in structures[:5]:
        time_molecule(structure, engines, with_pyscf=True, pyscf_first=False)
    gc.collect()
    return pd.DataFrame(
        [
            time_molecule(structure, engines, i % PYSCF_EVERY == 0, (i // PYSCF_EVERY) % 2 == 1)
            for i, structure in enumerate(tqdm(structures, desc="molecules", disable=None, leave=False))
        ]
    )


def time_featurizer(structures: Sequence[Structure], engine: str) -> dict[str, float]:
    """Return the seconds, median of repeats, that featurizing takes with one process, with two new ones, and with two again."""
    seconds: dict[str, list[float]] = {"n_jobs=1": [], "n_jobs=2, first call": [], "n_jobs=2, next calls": []}
    for _ in range(REPEATS):
        stop_workers()
        for way, found in seconds.items():
            featurizer = DensityVoxel(engine=engine, n_jobs=1 if way == "n_jobs=1" else 2)
            found.append(milliseconds(lambda f=featurizer: f.featurize(structures))[0] / 1e3)
    return {way: float(np.median(found)) for way, found in seconds.items()}


def print_memory_growth(n: int, engine: str) -> None:
    """Print by how many MB the peak of this process grows while n molecules are featurized, without the result itself.

    The peak belongs to the process, so that each number needs a fresh one.
    """
    structures = list(islice(cycle(load_sample().structures()), n))
    featurizer = DensityVoxel(engine=engine)
    featurizer.featurize(structures[:5])
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is in use now
    before = _memory("VmRSS")
    voxels = featurizer.featurize(structures)
    print((_memory("VmHWM") - before - voxels.nbytes) / 1e6)


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))


def memory_growth(n: int, engine: str) -> float:
    """Return the growth in MB that a process of its own measures."""
    command = [sys.executable, __file__, "--engine", engine, "--only-memory-of", str(n)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def summary(times: pd.DataFrame, engines: Sequence[str]) -> pd.DataFrame:
    """Return median and mean of each step."""
    names = {f"scf {engine}": f"self-consistent field, {engine}" for engine in engines}
    names |= {
        "density": "density, float32, first look",
        "density again": "density, float32, second look",
        "gradient": "length of the gradient, float32",
        "density 64": "density on 64³, float32",
        "gradient 64": "length of the gradient on 64³, float32",
        "density float64": "density, float64",
        "pyscf": "density by PySCF, float64",
    }
    return pd.DataFrame(
        {
            "step": list(names.values()),
            "molecules": [int(times[name].notna().sum()) for name in names],
            "median_ms": [times[name].median() for name in names],
            "mean_ms": [times[name].mean() for name in names],
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000, help="molecules of the sample, up to 2,000")
    parser.add_argument("--engine", choices=["xtb", "tblite"], default="xtb", help="whose orbitals are looked at")
    parser.add_argument(
        "--memory-n", type=int, default=500, help="peak memory is measured for so many and four times more"
    )
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/density_vs_pyscf.csv and .json")
    parser.add_argument("--only-memory-of", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only_memory_of:
        print_memory_growth(given.only_memory_of, given.engine)
        return

    sample = load_sample()
    if not 1 <= given.n <= len(sample):
        parser.error(f"--n {given.n} arrived; the sample has 1 to {len(sample)} molecules")
    # evenly over the sample, which rises in size
    structures = sample.subset(np.linspace(0, len(sample) - 1, given.n).round().astype(int)).structures()
    others = {"xtb": "tblite", "tblite": "xtb"}
    engines = [given.engine, *(e for e in (others[given.engine],) if importlib.util.find_spec(e) is not None)]
    times = time_all(structures, engines)
    ratios = {
        "density vs PySCF": float((times["pyscf"] / times["density"]).median()),
        "density in float64 vs PySCF": float((times["pyscf"] / times["density float64"]).median()),
        "length of the gradient vs density": float((times["gradient"] / times["density again"]).median()),
        "density on 64^3 vs 32^3": float((times["density 64"] / times["density again"]).median()),
        "length of the gradient on 64^3 vs 32^3": float((times["gradient 64"] / times["gradient"]).median()),
    }
    notes: dict[str, object] = {
        "largest difference float32, e/Å³": float(times["difference float32"].max()),
        "largest difference float64, e/Å³": float(times["difference float64"].max()),
    }
    for engine in engines:
        solving, density = times[f"scf {engine}"].sum(), times["density"].sum()
        notes[f"share of the field in field + density, {engine}"] = float(solving / (solving + density))
    seconds = time_featurizer(structures, given.engine)
    for way, taken in seconds.items():
        notes[f"featurizing {given.n} molecules, {way}, s"] = taken
        notes[f"speed-up of {way}"] = seconds["n_jobs=1"] / taken
    for n in (given.memory_n, 4 * given.memory_n):
        notes[f"peak memory beyond the result, {n} molecules, MB"] = memory_growth(n, given.engine)
    report("density_vs_pyscf", summary(times, engines), notes, PACKAGES, given.save, ratios)


if __name__ == "__main__":
    main()
