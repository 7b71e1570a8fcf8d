"""Small molecules whose atoms, positions and charges are known, written as files by hand, not by what reads them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdDistGeom

SMILES = (
    *("CCO", "CC(=O)[O-]", "C[NH3+]", "[O-]S(=O)(=O)[O-]", "[O-]C(=O)C(=O)[O-]", "[NH3+]CC(=O)[O-]", "c1ccccc1C(=O)N"),
    *("CS(=O)(=O)N", "FC(Cl)Br", "CC#N", "[NH3+]CC[NH3+]", "C1CC1N"),
)
SYBYL = {
    (6, "SP3"): "C.3",
    (6, "SP2"): "C.2",
    (6, "SP"): "C.1",
    (7, "SP3"): "N.3",
    (7, "SP2"): "N.am",
    (7, "SP"): "N.1",
}
SYBYL |= {(8, "SP3"): "O.3", (8, "SP2"): "O.2"}


@dataclass(frozen=True, eq=False)
class Molecule:
    """Atoms and bonds as they are written."""

    smiles: str
    symbols: tuple[str, ...]
    numbers: np.ndarray
    positions: np.ndarray
    charges: tuple[int, ...]
    bonds: tuple[tuple[int, int, int], ...]
    types: tuple[str, ...]

    @property
    def charge(self) -> int:
        """Total charge."""
        return sum(self.charges)

    def without(self, dropped: list[int]) -> Molecule:
        """Return the molecule without some atoms."""
        kept = [i for i in range(len(self.symbols)) if i not in dropped]
        new = {old: place for place, old in enumerate(kept)}
        pick = lambda values: tuple(values[i] for i in kept)  # noqa: E731
        bonds = tuple((new[a], new[b], order) for a, b, order in self.bonds if a in new and b in new)
        return Molecule(
            self.smiles,
            pick(self.symbols),
            self.numbers[kept],
            self.positions[kept],
            pick(self.charges),
            bonds,
            pick(self.types),
        )

    def reordered(self, order: list[int]) -> Molecule:
        """Return the molecule with its atoms in another order."""
        new = {old: place for place, old in enumerate(order)}
        pick = lambda values: tuple(values[i] for i in order)  # noqa: E731
        bonds = tuple((new[a], new[b], kind) for a, b, kind in self.bonds)
        return Molecule(
            self.smiles,
            pick(self.symbols),
            self.numbers[order],
            self.positions[order],
            pick(self.charges),
            bonds,
            pick(self.types),
        )

    def on_carbon(self) -> list[int]:
        """Return the hydrogens bonded to carbon."""
        pairs = [pair for a, b, _ in self.bonds for pair in ((a, b), (b, a))]
        return [a for a, b in pairs if self.symbols[a] == "H" and self.symbols[b] == "C"]


@cache
def molecules() -> tuple[Molecule, ...]:
    """Return the molecules, with a conformer of RDKit's, rounded as files have them."""
    return tuple(_made(smiles) for smiles in SMILES)


def _made(smiles: str) -> Molecule:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rdDistGeom.EmbedMolecule(mol, randomSeed=7)
    aromatic = [atom.GetIsAromatic() for atom in mol.GetAtoms()]
    types = tuple(_type(atom, ring) for atom, ring in zip(mol.GetAtoms(), aromatic, strict=True))
    Chem.Kekulize(mol, clearAromaticFlags=True)
    bonds = tuple((b.GetBeginAtomIdx(), b.GetEndAtomIdx(), int(b.GetBondTypeAsDouble())) for b in mol.GetBonds())
    atoms = list(mol.GetAtoms())
    return Molecule(
        smiles,
        tuple(atom.GetSymbol() for atom in atoms),
        np.array([atom.GetAtomicNum() for atom in atoms]),
        mol.GetConformer().GetPositions().round(4),
        tuple(atom.GetFormalCharge() for atom in atoms),
        bonds,
        types,
    )


def _type(atom: Chem.Atom, aromatic: bool) -> str:
    if atom.GetAtomicNum() == 7 and atom.GetFormalCharge() > 0:
        return "N.4"
    if atom.GetAtomicNum() == 16:
        return "S.o2"
    if aromatic:
        return f"{atom.GetSymbol()}.ar"
    if atom.GetAtomicNum() == 8 and any(n.GetAtomicNum() == 6 and _carboxylate(n) for n in atom.GetNeighbors()):
        return "O.co2"
    return SYBYL.get((atom.GetAtomicNum(), str(atom.GetHybridization())), atom.GetSymbol())


def _carboxylate(carbon: Chem.Atom) -> bool:
    return any(n.GetFormalCharge() < 0 for n in carbon.GetNeighbors())


def xyz(molecule: Molecule, number: str = "{:.4f}") -> str:
    """Return an xyz file."""
    rows = [
        f"{symbol} {' '.join(number.format(v) for v in place)}"
        for symbol, place in zip(molecule.symbols, molecule.positions.tolist(), strict=True)
    ]
    return "\n".join([str(len(rows)), molecule.smiles, *rows]) + "\n"


def sdf(molecule: Molecule, charges: str = "line", name: str = "", tag: str = "3D") -> str:
    """Return an SDF file with charges in a line (M  CHG), in the columns of atoms, or nowhere."""
    codes = {0: 0, 1: 3, 2: 2, 3: 1, -1: 5, -2: 6, -3: 7}
    rows = [
        f"{x:10.4f}{y:10.4f}{z:10.4f} {symbol:<3} 0{codes[charge] if charges == 'columns' else 0:3d}  0  0  0"
        for symbol, (x, y, z), charge in zip(
            molecule.symbols, molecule.positions.tolist(), molecule.charges, strict=True
        )
    ]
    bonds = [f"{a + 1:3d}{b + 1:3d}{order:3d}  0" for a, b, order in molecule.bonds]
    charged = [(i + 1, charge) for i, charge in enumerate(molecule.charges) if charge]
    line = f"M  CHG{len(charged):3d}" + "".join(f"{i:4d}{charge:4d}" for i, charge in charged)
    counts = f"{len(rows):3d}{len(bonds):3d}  0  0  0  0  0  0  0  0999 V2000"
    head = [name, f"     fuzzing          {tag}", "", counts]
    return (
        "\n".join([*head, *rows, *bonds, *([line] if charged and charges == "line" else []), "M  END", "$$$$"]) + "\n"
    )


def v3000(molecule: Molecule, name: str = "") -> str:
    """Return an SDF file in the newer form."""
    rows = [
        f"M  V30 {i} {symbol} {x:.4f} {y:.4f} {z:.4f} 0" + (f" CHG={charge}" if charge else "")
        for i, (symbol, (x, y, z), charge) in enumerate(
            zip(molecule.symbols, molecule.positions.tolist(), molecule.charges, strict=True), 1
        )
    ]
    bonds = [f"M  V30 {i} {order} {a + 1} {b + 1}" for i, (a, b, order) in enumerate(molecule.bonds, 1)]
    head = [name, "     fuzzing          3D", "", "  0  0  0     0  0            999 V3000", "M  V30 BEGIN CTAB"]
    counts = f"M  V30 COUNTS {len(rows)} {len(bonds)} 0 0 0"
    body = [
        "M  V30 BEGIN ATOM",
        *rows,
        "M  V30 END ATOM",
        "M  V30 BEGIN BOND",
        *bonds,
        "M  V30 END BOND",
        "M  V30 END CTAB",
    ]
    return "\n".join([*head, counts, *body, "M  END", "$$$$"]) + "\n"


def mol2(molecule: Molecule, column: tuple[float, ...] | None = None, kind: str = "NO_CHARGES") -> str:
    """Return a mol2 file; the column is that of charges."""
    values = (0.0,) * len(molecule.symbols) if column is None else column
    rows = [
        f"{i:7d} {symbol}{i:<4d} {x:10.4f} {y:10.4f} {z:10.4f} {kind:<6} 1 LIG {value:.4f}"
        for i, (symbol, (x, y, z), kind, value) in enumerate(
            zip(molecule.symbols, molecule.positions.tolist(), molecule.types, values, strict=True), 1
        )
    ]
    ring = {i for i, one in enumerate(molecule.types) if one.endswith(".ar")}
    acid = {i for i, one in enumerate(molecule.types) if one == "O.co2"}
    bonds = [
        f"{i:6d} {a + 1:4d} {b + 1:4d} {'ar' if {a, b} <= ring or {a, b} & acid else order}"
        for i, (a, b, order) in enumerate(molecule.bonds, 1)
    ]
    head = ["@<TRIPOS>MOLECULE", "LIG", f"{len(rows)} {len(bonds)} 1 0 0", "SMALL", kind, ""]
    return "\n".join([*head, "@<TRIPOS>ATOM", *rows, "@<TRIPOS>BOND", *bonds]) + "\n"
