"""Cases for the files of macromolecules: PDB and mmCIF, and the ligands taken out of them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, NamedTuple

import gemmi

from fuzzing import package
from fuzzing.atoms import Row, explained_by, number, same_atoms
from fuzzing.cases import EITHER, READ, REFUSED, Case, Reader, Verdict
from fuzzing.mutations import blind, meaningless, packed
from fuzzing.small_molecules import BAD_NUMBERS, symbol_number, text_of


class Atom(NamedTuple):
    """A line of a PDB file."""

    name: str
    residue: str
    chain: str
    place: int
    symbol: str
    x: float
    y: float
    z: float
    hetero: bool = False
    b: float = 18.03


PEPTIDE = [
    *(Atom("N", "ALA", "A", 1, "N", 11.104, 22.205, 33.306), Atom("CA", "ALA", "A", 1, "C", 12.56, 22.31, 33.306)),
    *(Atom("C", "ALA", "A", 1, "C", 13.051, 23.741, 33.4), Atom("O", "ALA", "A", 1, "O", 12.302, 24.7, 33.21)),
    *(Atom("CB", "ALA", "A", 1, "C", 13.1, 21.5, 34.5), Atom("N", "GLY", "A", 2, "N", 14.33, 23.87, 33.71)),
    *(Atom("CA", "GLY", "A", 2, "C", 14.97, 25.18, 33.85), Atom("C", "GLY", "A", 2, "C", 16.45, 25.02, 34.1)),
    Atom("O", "GLY", "A", 2, "O", 16.99, 23.92, 34.2),
]
LIGAND = [
    *(Atom("C1", "LIG", "B", 5, "C", -2.1, 4.052, 9.5, True), Atom("O1", "LIG", "B", 5, "O", -2.1, 5.46, 9.61, True)),
    Atom("CL1", "LIG", "B", 5, "CL", -3.6, 3.4, 8.9, True),
]
WATERS = [
    Atom("O", "HOH", "W", 101, "O", 1.003, -7.25, 20.4, True),
    Atom("O", "HOH", "W", 102, "O", 4.5, -9.75, 22.1, True),
]
ZINC = [Atom("ZN", "ZN", "A", 301, "ZN", 20.05, 20.15, 20.25, True)]
WHOLE = [*PEPTIDE, *LIGAND, *ZINC, *WATERS]
IONS = {
    "SOD": "Na", "CLA": "Cl", "POT": "K", "CAL": "Ca", "CES": "Cs", "NA": "Na", "CL": "Cl", "MG": "Mg", "ZN": "Zn", "K": "K",
}  # fmt: skip


def pdb(atoms: list[Atom], elements: bool = True) -> str:
    """Return a PDB file, with element columns or without."""
    lines = [_line(i, atom, elements) for i, atom in enumerate(atoms, 1)]
    return "\n".join(["HEADER    MADE UP", *lines, "END"]) + "\n"


def _line(serial: int, atom: Atom, elements: bool, column: int = 14) -> str:
    name = atom.name.ljust(4) if len(atom.symbol) == 2 or column == 13 else f" {atom.name:<3}"
    record = "HETATM" if atom.hetero else "ATOM  "
    end = f"{atom.symbol:>2}" if elements else "  "
    return (
        f"{record}{serial:5d} {name} {atom.residue:>3} {atom.chain}{atom.place:4d}    "
        f"{atom.x:8.3f}{atom.y:8.3f}{atom.z:8.3f}{1.0:6.2f}{atom.b:6.2f}          {end}  "
    )


TAGS = {
    "group_PDB": lambda i, a: "HETATM" if a.hetero else "ATOM",
    "id": lambda i, a: str(i),
    "type_symbol": lambda i, a: a.symbol,
    "label_atom_id": lambda i, a: a.name,
    "label_alt_id": lambda i, a: ".",
    "label_comp_id": lambda i, a: a.residue,
    "label_asym_id": lambda i, a: a.chain,
    "auth_asym_id": lambda i, a: a.chain,
    "auth_seq_id": lambda i, a: str(a.place),
    "pdbx_PDB_ins_code": lambda i, a: "?",
    "Cartn_x": lambda i, a: f"{a.x:.3f}",
    "Cartn_y": lambda i, a: f"{a.y:.3f}",
    "Cartn_z": lambda i, a: f"{a.z:.3f}",
    "occupancy": lambda i, a: "1.00",
    "B_iso_or_equiv": lambda i, a: f"{a.b:.2f}",
    "pdbx_PDB_model_num": lambda i, a: "1",
}
OPTIONAL = (
    "group_PDB",
    "id",
    "label_alt_id",
    "label_asym_id",
    "pdbx_PDB_ins_code",
    "occupancy",
    "B_iso_or_equiv",
    "pdbx_PDB_model_num",
)


def cif(atoms: list[Atom], tags: list[str] | None = None, quote: str = "") -> str:
    """Return an mmCIF file with some columns in some order."""
    chosen = list(TAGS) if tags is None else tags
    rows = [" ".join(f"{quote}{TAGS[tag](i, atom)}{quote}" for tag in chosen) for i, atom in enumerate(atoms, 1)]
    return "\n".join(["data_made_up", "loop_", *(f"_atom_site.{tag}" for tag in chosen), *rows, "#"]) + "\n"


def read(path: Path, **settings: Any) -> Any:
    """Read as the package does."""
    return package.of("deepchem_density", "read_macromolecule")(path, **settings)


def truth(atoms: list[Atom]) -> Verdict:
    """Return what is right of atoms."""
    return same_atoms([symbol_number(a.symbol) for a in atoms], [(a.x, a.y, a.z) for a in atoms])


def _case(
    form: str, mutation: str, content: bytes, verdict: Verdict, expected: str = EITHER, gz: str = "", **how: Any
) -> Case:
    return Case(form, mutation, {f"case.{form}{gz}": content}, lambda path: read(path, **how), verdict, expected)


def _any(rng: random.Random) -> tuple[str, str, list[Atom]]:
    atoms = rng.choice((WHOLE, WHOLE, [*PEPTIDE, *WATERS], PEPTIDE))
    form = rng.choice(("pdb", "cif"))
    return form, pdb(atoms) if form == "pdb" else cif(atoms), atoms


def changed(rng: random.Random) -> Case:
    """Return a file after random changes: each atom must stand in it, or in the file before."""
    form, text, atoms = _any(rng)
    content = blind(rng, text.encode())
    before = [(symbol_number(a.symbol), a.x, a.y, a.z) for a in atoms]
    plain = _plain_pdb if form == "pdb" else _plain_cif
    return _case(form, "changed at random", content, explained_by(lambda: before, lambda: plain(text_of(content))))


def same(rng: random.Random) -> Case:
    """Return a file in another form of the same meaning."""
    form, text, atoms = _any(rng)
    content, gz = meaningless(rng, text), rng.choice(("", "", ".gz"))
    return _case(form, "same meaning", packed(rng, content) if gz else content, truth(atoms), READ, gz)


def archive(rng: random.Random) -> Case:
    """Return a damaged archive."""
    form, text, atoms = _any(rng)
    return _case(form, "damaged archive", blind(rng, packed(rng, text.encode())), truth(atoms), EITHER, ".gz")


def letter(rng: random.Random) -> Case:
    """Return a PDB file with a letter outside of ASCII in place of another character of an atom's line."""
    atoms = list(WHOLE)
    lines = pdb(atoms).split("\n")
    i, column = rng.randrange(1, len(atoms) + 1), rng.choice((*range(6, 30), *range(66, 78)))
    lines[i] = lines[i][:column] + rng.choice("é\u00a0°ÅΑ") + lines[i][column + 1 :]
    encoded = "\n".join(lines).encode(rng.choice(("utf-8", "utf-8", "latin-1")), "replace")
    return _case("pdb", "letter outside of ASCII", encoded, truth(atoms))


def ions(rng: random.Random) -> Case:
    """Return a PDB file without element columns in which ions stand in residues of their own."""
    names = rng.sample(sorted(IONS), 3)
    alone = [
        Atom(name, name, "I", 900 + i, IONS[name].upper(), 30.0 + 4 * i, 1.5, -2.25, True)
        for i, name in enumerate(names)
    ]
    column = rng.choice((13, 14))
    lines = [
        _line(i, atom._replace(symbol="X") if column == 14 else atom, False, column) for i, atom in enumerate(alone, 20)
    ]
    text = pdb(PEPTIDE, False).replace("END\n", "\n".join([*lines, "END"]) + "\n")
    if rng.random() < 0.5:
        return _case("pdb", "ions without elements", text.encode(), truth([*PEPTIDE, *alone]))
    return _case("pdb", "ions left out", text.encode(), truth(PEPTIDE), ions=False)


def bad_number(rng: random.Random) -> Case:
    """Return a file with a coordinate that is no number."""
    form, text, atoms = _any(rng)
    atom = rng.choice(atoms)
    written = f"{rng.choice((atom.x, atom.y, atom.z)):.3f}"
    word = rng.choice((*BAD_NUMBERS, "********", written.replace(".", "_"), written.replace(".", ","), "1.16 x"))
    written, word = (written.rjust(8), word.rjust(8)[:8]) if form == "pdb" else (written, word.replace(" ", ""))
    return _case(form, "no number as a coordinate", text.replace(written, word, 1).encode(), truth(atoms), REFUSED)


def moved(rng: random.Random) -> Case:
    """Return a PDB file with a character more or less in a line: the same atoms, or none."""
    atoms = list(WHOLE)
    lines = pdb(atoms).split("\n")
    i, column = rng.randrange(1, len(atoms) + 1), rng.randrange(12, 30)
    more = rng.random() < 0.5
    lines[i] = lines[i][:column] + (" " if more else "") + lines[i][column + (not more) :]
    return _case("pdb", "columns moved", "\n".join(lines).encode(), truth(atoms))


def columns(rng: random.Random) -> Case:
    """Return an mmCIF file without some columns, or with them in another order, or quoted."""
    tags = [tag for tag in TAGS if tag not in OPTIONAL or rng.random() < 0.6]
    rng.shuffle(tags)
    return _case("cif", "other columns", cif(WHOLE, tags, rng.choice(("", "'", '"'))).encode(), truth(WHOLE), READ)


def order(rng: random.Random) -> Case:
    """Return a file with the atoms of each residue in another order, and with long names in mmCIF."""
    atoms = list(PEPTIDE[:5])
    rng.shuffle(atoms)
    atoms = [*atoms, *PEPTIDE[5:], *WHOLE[len(PEPTIDE) :]]
    if rng.random() < 0.5:
        return _case("pdb", "other order", pdb(atoms).encode(), truth(atoms), READ)
    longer = [a._replace(name=f"{a.name}_LONGNAME", residue="LONGLIG1") if a.residue == "LIG" else a for a in atoms]
    return _case("cif", "long names", cif(longer).encode(), truth(longer), READ)


def fractional(rng: random.Random) -> Case:
    """Return an mmCIF file with fractional coordinates and a cell, or without the cell."""
    parameters = (40.0, 50.0, 60.0, 90.0, rng.choice((90.0, 100.0)), rng.choice((90.0, 120.0)))
    cell = gemmi.UnitCell(*parameters)
    tags = [
        "type_symbol",
        "label_atom_id",
        "label_comp_id",
        "auth_asym_id",
        "auth_seq_id",
        "fract_x",
        "fract_y",
        "fract_z",
    ]
    rows = []
    for atom in WHOLE:
        place = cell.fractionalize(gemmi.Position(atom.x, atom.y, atom.z)).tolist()
        names = (atom.symbol, atom.name, atom.residue, atom.chain, str(atom.place))
        rows.append(" ".join([*names, *(f"{value:.7f}" for value in place)]))
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    given = (
        [f"_cell.{name} {value}" for name, value in zip(names, parameters, strict=True)] if rng.random() < 0.7 else []
    )
    text = "\n".join(["data_x", *given, "loop_", *(f"_atom_site.{tag}" for tag in tags), *rows]) + "\n"
    return _case("cif", "fractional coordinates", text.encode(), truth(WHOLE), READ if given else REFUSED)


def far(rng: random.Random) -> Case:
    """Return a file with an atom where none can be, or with two on one place."""
    form = rng.choice(("pdb", "cif"))
    atoms = list(WHOLE)
    if form == "cif" and rng.random() < 0.5:
        atoms[0] = atoms[0]._replace(x=10.0 ** rng.choice((7, 20, 200)))
    else:
        atoms[1] = atoms[1]._replace(x=atoms[0].x, y=atoms[0].y, z=atoms[0].z)
    return _case(
        form, "impossible places", (pdb(atoms) if form == "pdb" else cif(atoms)).encode(), truth(atoms), REFUSED
    )


def ligand(rng: random.Random) -> Case:
    """Return a file of which a ligand is taken out, sometimes after random changes."""
    form, text, _ = "pdb", pdb(WHOLE), WHOLE
    if rng.random() < 0.5:
        form, text = "cif", cif(WHOLE)
    whole = rng.random() < 0.3
    content = meaningless(rng, text) if whole else blind(rng, text.encode())
    before = [(symbol_number(a.symbol), a.x, a.y, a.z) for a in WHOLE]
    plain = _plain_pdb if form == "pdb" else _plain_cif
    verdict = truth(LIGAND) if whole else explained_by(lambda: before, lambda: plain(text_of(content)))
    split = package.of("deepchem_density", "split_ligand")
    mutation = "same meaning" if whole else "changed at random"
    return Case(
        "ligand of a file",
        mutation,
        {f"case.{form}": content},
        lambda path: split(path, "LIG")[0],
        verdict,
        READ if whole else EITHER,
    )


def _plain_pdb(text: str) -> list[Row]:
    rows = []
    for line in text.split("\n"):
        if line[:4].upper() in ("ATOM", "HETA"):
            try:
                place = [number(line[i : i + 8]) for i in (30, 38, 46)]
            except ValueError:
                continue
            symbol = line[76:78].strip()
            rows.append((symbol_number(symbol) if symbol.isalpha() and len(line.rstrip()) <= 80 else 0, *place))
    return rows


def _plain_cif(text: str) -> list[Row]:
    rows = []
    for block in gemmi.cif.read_string(text.encode("ascii", "replace")):
        table = block.find("_atom_site.", ["Cartn_x", "Cartn_y", "Cartn_z", "?type_symbol"])
        for row in table:
            try:
                place = [number(row.str(i).partition("(")[0]) for i in range(3)]
            except ValueError:
                continue
            rows.append((symbol_number(row.str(3).rstrip("+-0123456789")) if row.has(3) else 0, *place))
    return rows


READERS = (
    Reader("files of macromolecules", 18, (changed, changed, changed, changed, changed, same, archive)),
    Reader(
        "macromolecules, known changes",
        12,
        (letter, letter, ions, ions, bad_number, moved, columns, order, fractional, far),
    ),
    Reader("ligand of a file", 2, (ligand,)),
)
