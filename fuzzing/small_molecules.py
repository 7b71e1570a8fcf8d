"""Cases for the files of small molecules: xyz, SDF, mol, mol2, and SMILES."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

from fuzzing import package
from fuzzing.atoms import Row, explained_by, number, rows_of_words, same_atoms
from fuzzing.cases import EITHER, READ, REFUSED, Case, Reader, Verdict
from fuzzing.molecules import Molecule, mol2, molecules, sdf, v3000, xyz
from fuzzing.mutations import blind, meaningless, packed

TABLE = Chem.GetPeriodicTable()
BAD_NUMBERS = ("1,16", "12_560", "1.16x", "nan", "inf", "0x1p3", "1e400", "--1.2", "1.2.3", "٣.1")
FORMS = ("xyz", "sdf", "mol", "mol2", "v3000")
WRITERS = {"xyz": xyz, "sdf": sdf, "mol": sdf, "mol2": mol2, "v3000": v3000}
SUFFIX = {"v3000": "sdf"}
SALTS = ("CC(=O)[O-].[Na+]", "CCN.OC(=O)C(F)(F)F", "C1CCNCC1.OS(=O)(=O)O", "[NH4+].[Cl-]", "OCC.CCN")
CHARGED = {
    "[O-]C(=O)C(=O)[O-]": -2,
    "[O-]S(=O)(=O)[O-]": -2,
    "[NH3+]CC[NH3+]": 2,
    "CC(=O)[O-]": -1,
    "CCO": 0,
    "[Na+]": 1,
}
RADICALS = {"[CH2]": 2, "[CH3]": 1, "[NH2]": 1, "C[CH2]": 1}


def structure(path: Path | str, **settings: Any) -> Any:
    """Read a file or SMILES as the package does."""
    return package.of("deepchem_density.structures.readers", "structure_from")(path, **settings)


def truth(molecule: Molecule, form: str) -> Verdict:
    """Return what is right of a molecule in a form; only SDF states charges."""
    stated = molecule.charge if form in ("sdf", "mol", "v3000") else 0 if form == "xyz" else None
    return same_atoms(molecule.numbers, molecule.positions, stated)


def _any(rng: random.Random) -> tuple[Molecule, str, str]:
    molecule, form = rng.choice(molecules()), rng.choice(FORMS)
    return molecule, form, WRITERS[form](molecule)


def _case(
    form: str, mutation: str, content: bytes, verdict: Verdict, expected: str = EITHER, gz: str = "", **read: Any
) -> Case:
    name = f"case.{SUFFIX.get(form, form)}{gz}"
    return Case(form, mutation, {name: content}, lambda path: structure(path, **read), verdict, expected)


def changed(rng: random.Random) -> Case:
    """Return a file after random changes: each atom must stand in it, or in the file before."""
    molecule, form, text = _any(rng)
    content = blind(rng, text.encode())
    before = [(int(z), *p) for z, p in zip(molecule.numbers, molecule.positions.tolist(), strict=True)]
    verdict = explained_by(lambda: before, lambda: PLAIN[form](text_of(content)), all_of_last=form == "xyz")
    return _case(form, "changed at random", content, verdict)


def same(rng: random.Random) -> Case:
    """Return a file in another form of the same meaning."""
    molecule, form, text = _any(rng)
    content = meaningless(rng, text)
    gz = ".gz" if rng.random() < 0.3 else ""
    return _case(form, "same meaning", packed(rng, content) if gz else content, truth(molecule, form), READ, gz)


def archive(rng: random.Random) -> Case:
    """Return a damaged archive."""
    molecule, form, text = _any(rng)
    return _case(form, "damaged archive", blind(rng, packed(rng, text.encode())), truth(molecule, form), EITHER, ".gz")


def order(rng: random.Random) -> Case:
    """Return a file with its atoms in another order."""
    molecule, form, _ = _any(rng)
    places = list(range(len(molecule.symbols)))
    rng.shuffle(places)
    text = WRITERS[form](molecule.reordered(places))
    return _case(form, "other order", text.encode(), truth(molecule, form), READ)


def bad_number(rng: random.Random) -> Case:
    """Return a file with a coordinate that is no number."""
    molecule, form, text = _any(rng)
    written = f"{molecule.positions[rng.randrange(len(molecule.symbols)), rng.randrange(3)]:.4f}"
    word = rng.choice(BAD_NUMBERS)
    changed_text = (
        text.replace(written.rjust(10), word.rjust(10), 1) if form in ("sdf", "mol") else text.replace(written, word, 1)
    )
    return _case(form, "no number as a coordinate", changed_text.encode(), truth(molecule, form), REFUSED)


def exponent(rng: random.Random) -> Case:
    """Return an xyz or mol2 file whose numbers have exponents."""
    molecule = rng.choice(molecules())
    if rng.random() < 0.5:
        text = xyz(molecule, rng.choice(("{:.10e}", "{:.10E}", "{:+.10e}")))
        text = text.replace("E", "D") if rng.random() < 0.5 and "D" not in molecule.smiles else text
        return _case("xyz", "exponents", text.encode(), truth(molecule, "xyz"), READ)
    text = mol2(molecule)
    x = f"{molecule.positions[0, 0]:10.4f}"
    return _case(
        "mol2",
        "exponents",
        text.replace(x, f" {molecule.positions[0, 0]:.6e}", 1).encode(),
        truth(molecule, "mol2"),
        READ,
    )


def charge(rng: random.Random) -> Case:
    """Return an SDF file that states its charge in one of the ways of the format."""
    molecule = rng.choice([one for one in molecules() if one.charge])
    way = rng.choice(("line", "columns", "v3000"))
    text = v3000(molecule) if way == "v3000" else sdf(molecule, way)
    verdict = same_atoms(molecule.numbers, molecule.positions, molecule.charge)
    return _case("v3000" if way == "v3000" else "sdf", f"charge in {way}", text.encode(), verdict, READ)


def impossible_charge(rng: random.Random) -> Case:
    """Return an SDF file with a charge that no atom has."""
    molecule = rng.choice(molecules())
    value = rng.choice((99, -99, 77, 15, -12))
    text = sdf(molecule, "none").replace("M  END", f"M  CHG  1   1{value:4d}\nM  END")
    return _case("sdf", "impossible charge", text.encode(), truth(molecule, "sdf"), REFUSED)


def formal(rng: random.Random) -> Case:
    """Return a mol2 file with formal charges, or with partial ones, which do not say the total."""
    molecule = rng.choice(molecules())
    if rng.random() < 0.5:
        text = mol2(molecule, tuple(map(float, molecule.charges)), "FORMAL_CHARGES")
        return _case(
            "mol2", "formal charges", text.encode(), same_atoms(molecule.numbers, molecule.positions, molecule.charge)
        )
    noise = tuple(rng.uniform(-0.9, 0.9) for _ in molecule.charges)
    return _case("mol2", "partial charges", mol2(molecule, noise, "GASTEIGER").encode(), _charge_of_bonds(molecule))


def _charge_of_bonds(molecule: Molecule) -> Verdict:
    atoms = same_atoms(molecule.numbers, molecule.positions)
    plain: list[int] = []

    def verdict(value: Any) -> str:
        plain.append(value.charge)
        wrong = value.charge not in (molecule.charge, 0)
        return atoms(value) or (f"charge {value.charge}, {molecule.charge} is right" if wrong else "")

    return verdict


def polar_hydrogens(rng: random.Random) -> Case:
    """Return a file without the hydrogens on carbon, some or all, to which they are to be added."""
    molecule = rng.choice(
        [one for one in molecules() if "C" in one.symbols and "S" not in one.symbols and len(one.on_carbon()) > 1]
    )
    form = rng.choice(("mol2", "sdf"))
    verdict = lambda value: _counts(value, molecule)  # noqa: E731
    text = WRITERS[form](molecule.without(molecule.on_carbon()))
    return _case(form, "hydrogens in part", text.encode(), verdict, EITHER, hydrogens="add")


def _counts(value: Any, molecule: Molecule) -> str:
    found, right = (sorted(map(int, numbers)) for numbers in (value.numbers, molecule.numbers))
    return "" if found == right else f"{found.count(1)} hydrogens, {right.count(1)} are right"


def flat(rng: random.Random) -> Case:
    """Return a drawing whose header says 3D."""
    molecule = rng.choice([one for one in molecules() if one.smiles in ("CCO", "C1CC1N", "[NH3+]CC[NH3+]", "C[NH3+]")])
    angles = np.arange(len(molecule.symbols)) * 2 * np.pi / len(molecule.symbols)
    ring = 0.25 * len(angles) * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    drawn = Molecule(**{**vars(molecule), "positions": ring.round(4)})
    return _case("sdf", "flat drawing", sdf(drawn).encode(), truth(drawn, "sdf"), REFUSED)


def far(rng: random.Random) -> Case:
    """Return a molecule so far away that its distances are lost, or with two atoms on one place."""
    molecule = rng.choice(molecules())
    form = rng.choice(("xyz", "mol2"))
    positions = molecule.positions.copy()
    if rng.random() < 0.5:
        positions[1] = positions[0] + [0.01, 0, 0]
    else:
        positions = positions + 10.0 ** rng.choice((7, 12, 20))
    moved = Molecule(**{**vars(molecule), "positions": positions})
    return _case(form, "impossible places", WRITERS[form](moved).encode(), truth(moved, form), REFUSED)


def two_records(rng: random.Random) -> Case:
    """Return a file with two molecules, of which none is meant more than the other."""
    first, second = rng.choice(molecules()), rng.choice(molecules())
    form = rng.choice(("sdf", "xyz", "mol2"))
    text = WRITERS[form](first) + WRITERS[form](second)
    return _case(form, "two molecules", text.encode(), truth(first, form), REFUSED)


def smiles(rng: random.Random) -> Case:
    """Return a SMILES with a charge, radical electrons or several parts; or with random changes."""
    kind = rng.choice(("charge", "radical", "salt", "changed at random", "changed at random"))
    if kind == "charge":
        text, right = rng.choice(list(CHARGED.items()))
        return _smiles(
            text, "charge", lambda value: "" if value.charge == right else f"charge {value.charge} of {text}"
        )
    if kind == "radical":
        text, right = rng.choice(list(RADICALS.items()))
        return _smiles(
            text, kind, lambda v: "" if v.unpaired == right else f"{v.unpaired} unpaired electrons in {text}"
        )
    if kind == "salt":
        text = rng.choice(SALTS)
        return _smiles(text, kind, lambda value: _apart(value, text))
    text = blind(rng, rng.choice((*CHARGED, *SALTS[:2])).encode()).decode("latin-1")[:40]
    return _smiles(text, kind, lambda value: _stated(value, text))


def _smiles(text: str, mutation: str, verdict: Verdict) -> Case:
    return Case(
        "smiles",
        mutation,
        {},
        lambda _: structure(text),
        verdict,
        EITHER,
        (text, "SMILES", "molecule", "arrived", *text.split("\n")),
    )


def _apart(value: Any, text: str) -> str:
    mol = Chem.AddHs(Chem.MolFromSmiles(text))
    first, second = (value.positions[list(part)] for part in Chem.GetMolFrags(mol)[:2])
    nearest = np.linalg.norm(first[:, None] - second[None], axis=2).min()
    return "" if nearest > 1.5 else f"parts of {text} are {nearest:.2f} Å apart"


def _stated(value: Any, text: str) -> str | None:
    mol = Chem.MolFromSmiles(text)
    if mol is None:
        return None
    right = Chem.GetFormalCharge(mol)
    return "" if value.charge == right else f"charge {value.charge} of {text!r}, {right} is right"


def text_of(content: bytes) -> str:
    """Decode as a user would: UTF-16 by its mark, else UTF-8, and lines that are not as Windows or else as ISO has them."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace").replace("\r\n", "\n").replace("\r", "\n")
    lines = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return "\n".join(map(_decoded, lines))


def _decoded(line: bytes) -> str:
    for encoding in ("utf-8", "cp1252"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1")


def symbol_number(symbol: str) -> int:
    """Return the atomic number of a symbol in any case, 0 for what may be anything."""
    if symbol.isascii() and symbol.isdigit():
        return int(symbol)
    if symbol.upper() in ("D", "T"):
        return 1
    try:
        return TABLE.GetAtomicNumber(symbol.capitalize())
    except RuntimeError:
        return 0


def _plain_xyz(text: str) -> list[Row]:
    return rows_of_words(text.rstrip().split("\n")[2:], 1, lambda words: symbol_number(words[0]))


def _plain_sdf(text: str) -> list[Row]:
    rows = []
    for line in text.split("\n"):
        try:
            rows.append((symbol_number(line[31:34].strip()), *(number(line[i : i + 10]) for i in (0, 10, 20))))
        except ValueError:
            continue
    return rows + rows_of_words(text.split("\n"), 4, lambda words: symbol_number(words[3]))


def _plain_mol2(text: str) -> list[Row]:
    return rows_of_words(text.split("\n"), 2, lambda words: symbol_number(words[5].split(".")[0]))


PLAIN = {"xyz": _plain_xyz, "sdf": _plain_sdf, "mol": _plain_sdf, "v3000": _plain_sdf, "mol2": _plain_mol2}

READERS = (
    Reader("files of small molecules", 24, (changed, changed, changed, changed, changed, same, order, archive)),
    Reader(
        "small molecules, known changes",
        10,
        (bad_number, exponent, charge, impossible_charge, formal, polar_hydrogens, flat, far, two_records),
    ),
    Reader("smiles", 1.0, (smiles,)),
)
