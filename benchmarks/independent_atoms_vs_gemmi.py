"""Time the density of independent atoms against gemmi's calculator: pockets into 48³ voxels of 0.5 Å, one thread.

    python benchmarks/independent_atoms_vs_gemmi.py /folder/of/pdbbind --save

The folder is in PDBbind's layout, <id>/<id>_pocket.pdb and <id>/<id>_ligand.sdf; boxes are centred on the ligand and hold
the pocket's atoms. Both take the same atoms, form factors, B and cutoff, and sample the same points.

gemmi fills a cell. With the cell of the box itself it does the least work, but atoms near one face appear behind the
opposite one, and values there are wrong; with a margin as wide as two atoms the values in the box are right. It gets only
the atoms that reach the box, chosen before the clock starts, in a model made before as well; we get all, and once with the
building of the field from the structure on the clock. Both are compared with the formula in double precision, without
cutoff: ours ends an atom where each of its Gaussians is below the cutoff, gemmi where their sum is, so that the same number
cuts a little less there. Ours is therefore timed also with a third of it, which is more accurate than gemmi's.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import gemmi
import numpy as np
import pandas as pd
import torch
from _results import report
from rdkit import Chem, rdBase
from tqdm.auto import tqdm

from deepchem_density import Structure, VoxelGrid, independent_atoms, voxelize
from deepchem_density.fields import IndependentAtoms, voxelize_independent_atoms

torch.set_num_threads(1)

PACKAGES = ("deepchem-density", "gemmi", "numba", "torch", "numpy")
BOX_WIDTH, VOXEL_WIDTH, N = 24.0, 0.5, 48
CUTOFF = 1e-5
FINER_CUTOFF = CUTOFF / 3
POINTS_CHECKED = 2000
BATCH = 10
SHORT = ("B = 20 A2", "B of the file")
OURS, OURS_FINER = "ours, from the structure", "ours, from the structure, a third of the cutoff"
OURS_BATCH = "ours, from the structure, in batches"


class Pocket:
    """One pocket, ready for both programs."""

    def __init__(self, folder: Path, b_iso: float | None) -> None:
        name = folder.name
        found = gemmi.read_structure(str(folder / f"{name}_pocket.pdb"))  # keeps its atoms alive
        atoms = [place.atom for place in found[0].all()]
        self.structure = Structure(
            [atom.element.atomic_number for atom in atoms],
            [atom.pos.tolist() for atom in atoms],
            b_iso=np.array([atom.b_iso for atom in atoms]),
            site_occupancy=np.array([atom.occ for atom in atoms]),
            name=name,
        )
        with rdBase.BlockLogs():
            ligand = Chem.MolFromMolFile(str(folder / f"{name}_ligand.sdf"), sanitize=False)
        self.grid = VoxelGrid(ligand.GetConformer().GetPositions().mean(axis=0), BOX_WIDTH, VOXEL_WIDTH)
        self.chosen_b = b_iso
        self.field = self.build()
        # the last Gaussian is that of the constant, with b = 0
        self.b_iso = 4 * np.pi**2 / self.field.exponents[:, 4]
        outside = np.maximum(np.abs(self.structure.positions - self.grid.center) - BOX_WIDTH / 2, 0)
        with np.errstate(divide="ignore"):  # some atoms have the occupancy 0
            squared_reach = (np.log(np.abs(self.field.amplitudes) / CUTOFF) / self.field.exponents).max(axis=1)
        self.near = np.flatnonzero((outside**2).sum(axis=1) < squared_reach)
        self.margin = float(np.sqrt(squared_reach[self.near].max()))

    def build(self, cutoff: float = CUTOFF) -> IndependentAtoms:
        return independent_atoms(self.structure, self.chosen_b, cutoff=cutoff)

    def exact(self, points: np.ndarray) -> np.ndarray:
        """Return the formula at points (n, 3), atom by atom."""
        total = np.zeros(len(points))
        structure = self.structure
        for i in range(len(structure.numbers)):
            row = gemmi.Element(int(structure.numbers[i])).it92
            squares = ((points - structure.positions[i]) ** 2).sum(axis=1)[:, None]
            widths = np.array([*row.b, 0.0]) + self.b_iso[i]
            heights = np.array([*row.a, row.c]) * (4 * np.pi / widths) ** 1.5
            total += structure.site_occupancy[i] * (heights * np.exp(-4 * np.pi**2 * squares / widths)).sum(axis=1)
        return total


class Gemmi:
    """gemmi's calculator and its model of one pocket, in a cell of n voxels along each edge."""

    def __init__(self, pocket: Pocket, n: int) -> None:
        self.n = n
        self.first = (n - N) // 2
        self.model = self._model(pocket)
        self.calculator = gemmi.DensityCalculatorX()
        self.calculator.d_min, self.calculator.rate, self.calculator.cutoff = 2 * VOXEL_WIDTH, 1.0, CUTOFF
        self.calculator.set_grid_cell_and_spacegroup(self.model)
        self.run()
        if self.calculator.grid.shape != (n, n, n):
            raise SystemExit(f"gemmi chose {self.calculator.grid.shape} points instead of {n}³; the work would differ.")

    def run(self) -> None:
        self.calculator.put_model_density_on_grid(self.model[0])

    def box(self) -> np.ndarray:
        inside = slice(self.first, self.first + N)
        return np.array(self.calculator.grid.array)[inside, inside, inside]

    def _model(self, pocket: Pocket) -> gemmi.Structure:
        structure, residue = pocket.structure, gemmi.Residue()
        residue.name, residue.seqid = "ALL", gemmi.SeqId("1")
        corner = pocket.grid.points()[0, 0, 0] - self.first * VOXEL_WIDTH  # nodes are our voxel centres
        for i in pocket.near:
            atom = gemmi.Atom()
            atom.element = gemmi.Element(int(structure.numbers[i]))
            atom.pos = gemmi.Position(*(structure.positions[i] - corner))
            atom.b_iso, atom.occ = float(pocket.b_iso[i]), float(structure.site_occupancy[i])
            residue.add_atom(atom)
        whole, model, chain = gemmi.Structure(), gemmi.Model(1), gemmi.Chain("A")
        chain.add_residue(residue)
        model.add_chain(chain)
        whole.add_model(model)
        edge = self.n * VOXEL_WIDTH
        whole.cell, whole.spacegroup_hm = gemmi.UnitCell(edge, edge, edge, 90, 90, 90), "P 1"
        return whole


def with_margin(margin: float) -> int:
    """Return the next number of voxels, even and of small factors, that holds the box and a margin on both sides."""
    n = N + 2 * int(np.ceil(margin / VOXEL_WIDTH))
    while max(_factors(n)) > 5:
        n += 2
    return n


def _factors(n: int) -> list[int]:
    found, factor = [], 2
    while n > 1:
        while n % factor == 0:
            found.append(factor)
            n //= factor
        factor += 1
    return found


class Ways:
    """What is timed; every method goes through all pockets."""

    def __init__(self, pockets: list[Pocket]) -> None:
        self.pockets = pockets
        self.buffer = torch.zeros((N, N, N, 1))
        self.batch = torch.zeros((BATCH, N, N, N, 1))
        self.axis = torch.tensor(VoxelGrid(np.zeros(3), BOX_WIDTH, VOXEL_WIDTH).axis(), dtype=torch.float32)
        self.bare = [Gemmi(pocket, N) for pocket in pockets]
        self.wide = [Gemmi(pocket, with_margin(pocket.margin)) for pocket in pockets]

    def ours_from_structures(self, cutoff: float = CUTOFF) -> None:
        for pocket in self.pockets:
            voxelize(pocket.build(cutoff), pocket.grid, out=self.buffer)

    def ours_in_batches(self) -> None:
        for first in range(0, len(self.pockets), BATCH):
            part = self.pockets[first : first + BATCH]
            densities = [pocket.build().in_frame(pocket.grid.center, pocket.grid.rotation) for pocket in part]
            voxelize_independent_atoms(densities, self.axis, self.batch[: len(part)])

    def ours_from_fields(self) -> None:
        for pocket in self.pockets:
            voxelize(pocket.field, pocket.grid, out=self.buffer)

    def gemmi_bare(self) -> None:
        for calculator in self.bare:
            calculator.run()

    def gemmi_wide(self) -> None:
        for calculator in self.wide:
            calculator.run()

    def errors(self) -> dict[str, float]:
        """Return the largest and the root mean square errors of both in e/Å³, and the largest value met."""
        rng = np.random.default_rng(0)
        errors: dict[str, list[np.ndarray]] = {OURS: [], OURS_FINER: [], "gemmi, cell with a margin": []}
        values = []
        for pocket, calculator in zip(self.pockets, self.wide, strict=True):
            chosen = rng.choice(N**3, POINTS_CHECKED, replace=False)
            exact = pocket.exact(pocket.grid.points().reshape(-1, 3)[chosen])
            values.append(exact)
            for name, found in (
                (OURS, voxelize(pocket.build(), pocket.grid).numpy()),
                (OURS_FINER, voxelize(pocket.build(FINER_CUTOFF), pocket.grid).numpy()),
                ("gemmi, cell with a margin", calculator.box()),
            ):
                errors[name].append(found.reshape(-1)[chosen] - exact)
        joined = {name: np.concatenate(parts) for name, parts in errors.items()}
        result = {f"largest error of {name}, e/Å³": float(np.abs(error).max()) for name, error in joined.items()}
        result |= {f"rms error of {name}, e/Å³": float(np.sqrt((error**2).mean())) for name, error in joined.items()}
        return result | {"largest value, e/Å³": float(np.concatenate(values).max())}


def measure(ways: dict[str, Callable[[], None]], n: int, repeats: int) -> pd.DataFrame:
    """Time each way once per round."""
    for way in ways.values():
        way()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in tqdm(range(repeats), desc="repeats", disable=None, leave=False):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    table = pd.DataFrame({"way": list(seconds)})
    table["median_ms_per_grid"] = [1e3 * np.median(found) / n for found in seconds.values()]
    table["fastest_ms_per_grid"] = [1e3 * min(found) / n for found in seconds.values()]
    table["grids_per_s"] = 1e3 / table["median_ms_per_grid"]
    return table


def side_by_side(
    folders: list[Path], b_iso: float | None, repeats: int
) -> tuple[pd.DataFrame, dict[str, object], dict[str, float]]:
    """Time and check both with one choice of B."""
    setting = "B of the file" if b_iso is None else f"B = {b_iso:g} Å²"
    pockets = [Pocket(folder, b_iso) for folder in folders]
    ways = Ways(pockets)
    timed = {
        OURS: ways.ours_from_structures,
        OURS_FINER: lambda: ways.ours_from_structures(FINER_CUTOFF),
        OURS_BATCH: ways.ours_in_batches,
        "ours, from a field": ways.ours_from_fields,
        "gemmi, cell of the box, wrong near its faces": ways.gemmi_bare,
        "gemmi, cell with a margin": ways.gemmi_wide,
    }
    table = measure(timed, len(pockets), repeats)
    rates = table.set_index("way")["grids_per_s"]
    notes: dict[str, object] = {
        f"{setting}: atoms per pocket": float(np.mean([len(p.structure.numbers) for p in pockets])),
        f"{setting}: atoms that reach the box": float(np.mean([len(p.near) for p in pockets])),
        f"{setting}: voxels along the cell with a margin": float(np.mean([g.n for g in ways.wide])),
    }
    notes |= {f"{setting}: {name}": value for name, value in ways.errors().items()}
    short = SHORT[b_iso is None]
    wide, bare = rates["gemmi, cell with a margin"], rates["gemmi, cell of the box, wrong near its faces"]
    ratios = {
        f"independent atoms vs gemmi, {short}": float(rates[OURS] / wide),
        f"independent atoms vs gemmi, {short}, in batches": float(rates[OURS_BATCH] / wide),
        f"independent atoms vs gemmi, {short}, a third of its cutoff": float(rates[OURS_FINER] / wide),
        f"independent atoms vs gemmi, {short}, cell of the box": float(rates[OURS] / bare),
    }
    table.insert(0, "setting", setting)
    return table, notes, ratios


def complete(folder: Path) -> bool:
    """Say whether a folder has a pocket and a ligand that RDKit can read without sanitizing."""
    pocket, ligand = (folder / f"{folder.name}_{part}" for part in ("pocket.pdb", "ligand.sdf"))
    if not (pocket.is_file() and ligand.is_file()):
        return False
    with rdBase.BlockLogs():
        return Chem.MolFromMolFile(str(ligand), sanitize=False) is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_dir", type=Path, help="folder in PDBbind's layout")
    parser.add_argument("--n", type=int, default=40, help="pockets, evenly over the names")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/independent_atoms_vs_gemmi.*")
    given = parser.parse_args()

    folders = [folder for folder in sorted(given.data_dir.iterdir()) if complete(folder)]
    if not 1 <= given.n <= len(folders):
        parser.error(
            f"--n {given.n} arrived; '{given.data_dir.name}' has {len(folders)} pockets with a readable ligand"
        )
    chosen = [folders[i] for i in np.linspace(0, len(folders) - 1, given.n).round().astype(int)]
    tables, notes, ratios = [], {"pockets": given.n, "cutoff, e/Å³": CUTOFF}, {}
    for b_iso in (20.0, None):
        table, found, times = side_by_side(chosen, b_iso, given.repeats)
        tables.append(table)
        notes |= found
        ratios |= times
    ratios = {"independent atoms vs gemmi": min(ratios[f"independent atoms vs gemmi, {b}"] for b in SHORT), **ratios}
    report("independent_atoms_vs_gemmi", pd.concat(tables), notes, PACKAGES, given.save, ratios)


if __name__ == "__main__":
    main()
