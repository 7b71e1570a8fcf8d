"""The atoms of mmCIF files, from the table `_atom_site`; of its columns only those that tell who and where are needed.

The dictionary is https://mmcif.wwpdb.org (category atom_site); gemmi parses the syntax.
"""

from __future__ import annotations

import re

import gemmi
import numpy as np

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.atom_records import NO_NUMBER, AtomRecords
from deepchem_density.structures.numbers import is_real, real, reals, whole, wholes
from deepchem_density.structures.text_files import guarded

__all__ = ["mmcif_atoms"]

_UNCERTAINTY = re.compile(r"\([0-9]+\)$")
_ELEMENT = re.compile(r"([A-Z][a-z]?)(?:[0-9]?[-+]|[-+][0-9])?", re.IGNORECASE)
_CARTESIAN = ("Cartn_x", "Cartn_y", "Cartn_z")
_FRACTIONAL = ("fract_x", "fract_y", "fract_z")
_CELL = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
_SMALL_MOLECULE = "_atom_site_fract_x"
_SPECIAL = "\"';.?"
"""First characters of words that are quoted, or stand for nothing."""

_LARGEST_CHARGE = 8
_FIRST_LONG_LABEL = 0x10000
_DEUTERIUM = 119
"""gemmi's place for D, after the last element."""


def mmcif_atoms(text: str, name: str, model: int) -> AtomRecords:
    r"""Return the atoms of one model of an mmCIF file.

    Parameters
    ----------
    text : str
        The file, lines ended by ``\n``.
    name : str
        What error messages call it.
    model : int
        Counted from 0 in the order of the file. A file without numbers of models holds one.

    Raises
    ------
    FeaturizationError
        Another syntax, not one block with atoms, no such model, a column that is missing or holds something else.

    Notes
    -----
    Names and numbers are the authors' (`auth_...`) for chains and residues, else the PDB's (`label_...`). Fractional
    coordinates are read with the cell, or the matrix of `_atom_sites`, where there are no Cartesian ones.
    """
    with guarded(name, "mmCIF"):
        document = gemmi.cif.read_string(text.encode("ascii", "backslashreplace"))  # as CIF 1.1 demands
    table = _Table(_block(document, text, name), name)
    positions = _positions(table)
    models = table.words("pdbx_PDB_model_num", default="1")
    numbers = list(dict.fromkeys(models))
    if not 0 <= model < len(numbers):
        raise FeaturizationError(
            f"'{name}' has {len(numbers)} models; model={model} arrived, 0 to {len(numbers) - 1} are accepted."
        )
    names = table.words("label_atom_id", "auth_atom_id")
    residue_names = table.words("label_comp_id", "auth_comp_id")
    chains = table.words("auth_asym_id", "label_asym_id", default="")
    altlocs = _altlocs(table.words("label_alt_id", default=""))
    residue_numbers = _residue_numbers(table, [chains, residue_names], names, altlocs)
    whole_table = AtomRecords(
        _elements(table.words("type_symbol", default="")),
        positions,
        _encoded(names),
        _encoded(residue_names),
        _encoded(chains),
        residue_numbers,
        _insertion_codes(table),
        altlocs,
        table.numbers("occupancy", 1.0),
        table.numbers("B_iso_or_equiv", np.nan),
        table.charges(),
        np.array([word == "HETATM" for word in table.words("group_PDB", default="ATOM")]),
    )
    if len(numbers) == 1:
        return whole_table
    chosen = np.array([word == numbers[model] for word in models])
    return AtomRecords(*(column[chosen] for column in whole_table))


class _Table:
    """The table of the atoms: columns by name, with what stands for nothing taken out."""

    def __init__(self, block: gemmi.cif.Block, name: str) -> None:
        self.block, self.name = block, name
        self.length = max(len(block.find_values(f"_atom_site.{tag}")) for tag in (*_CARTESIAN, *_FRACTIONAL))

    def words(self, *tags: str, default: str | None = None) -> list[str]:
        """Return the words of a column; of others in the rows in which it has none, at last the default.

        Without a default a word that is missing is an error.
        """
        found = [""] * self.length
        for tag in tags:
            if "" in found and (column := self.block.find_values(f"_atom_site.{tag}")):
                words = [word if word[0] not in _SPECIAL else _unquoted(word) for word in column]
                found = [word or other for word, other in zip(found, words, strict=True)] if any(found) else words
        if default is not None:
            return [word or default for word in found] if default and "" in found else found
        if "" in found:
            raise FeaturizationError(
                f"Row {found.index('') + 1} of _atom_site in '{self.name}' has no {' or '.join(tags)}, which is needed; add it, "
                "or convert the file to the PDB's mmCIF."
            )
        return found

    def numbers(self, tag: str, default: float) -> np.ndarray:
        """Return the numbers of a column, without standard uncertainties; the default where it has none."""
        words = self.words(tag, default="")
        rows = [i for i, word in enumerate(words) if word]
        given = words if len(rows) == len(words) else [words[i] for i in rows]
        values = np.full(self.length, default)
        try:
            values[rows] = reals(given, "")
        except FeaturizationError:
            values[rows] = [
                real(_UNCERTAINTY.sub("", word), self.row(i), tag) for i, word in zip(rows, given, strict=True)
            ]
        return values

    def charges(self) -> np.ndarray:
        """Return the formal charges, 0 where there are none."""
        words = self.words("pdbx_formal_charge", default="")
        if not any(words):
            return np.zeros(self.length, dtype=np.int64)
        found = [whole(word, self.row(i), "pdbx_formal_charge") if word else 0 for i, word in enumerate(words)]
        for i, charge in enumerate(found):
            if abs(charge) > _LARGEST_CHARGE:
                raise FeaturizationError(
                    f"{self.row(i)} has {charge} as its pdbx_formal_charge; {-_LARGEST_CHARGE} to {_LARGEST_CHARGE} are accepted."
                )
        return np.array(found, dtype=np.int64)

    def row(self, i: int) -> str:
        """Return how messages call a row."""
        return f"Row {i + 1} of _atom_site in '{self.name}'"


def _block(document: gemmi.cif.Document, text: str, name: str) -> gemmi.cif.Block:
    """Return the only block with atoms."""
    blocks = [
        block
        for block in document
        if block.find_values("_atom_site.Cartn_x") or block.find_values("_atom_site.fract_x")
    ]
    if len(blocks) == 1:
        return blocks[0]
    if any(block.find_values(_SMALL_MOLECULE) for block in document):
        raise FeaturizationError(
            f"'{name}' is a CIF of small molecules in the asymmetric unit of a crystal ({_SMALL_MOLECULE}), which is not read; "
            "export the molecule as SDF or mol2, with Mercury or Open Babel for instance."
        )
    if not text.strip():
        raise FeaturizationError(f"'{name}' holds no atoms; it begins with ''.")
    raise FeaturizationError(
        f"'{name}' has {len(blocks)} blocks with coordinates (_atom_site.Cartn_x), one is accepted; restraints and structure "
        "factors are no structures."
    )


def _unquoted(word: str) -> str:
    """Return a word as it is meant; nothing for those that stand for nothing."""
    if word in ("?", "."):
        return ""
    return gemmi.cif.as_string(word) if word[0] in "\"';" else word


def _positions(table: _Table) -> np.ndarray:
    """Return the positions (n_atoms, 3) in Å; NaN where there are none."""
    tags = _CARTESIAN if table.block.find_values("_atom_site.Cartn_x") else _FRACTIONAL
    if not all(table.block.find_values(f"_atom_site.{tag}") for tag in tags):
        raise FeaturizationError(f"'{table.name}' has not all of the columns {', '.join(tags)}; all three are needed.")
    places = np.stack([table.numbers(tag, np.nan) for tag in tags], axis=1)
    if tags == _CARTESIAN:
        return places
    matrix, shift = _orthogonalization(table)
    return places @ matrix.T + shift


def _orthogonalization(table: _Table) -> tuple[np.ndarray, np.ndarray]:
    """Return what takes fractional coordinates to Cartesian ones: matrix (3, 3) and shift (3,)."""
    entries = [f"_atom_sites.fract_transf_matrix[{i}][{j}]" for i in (1, 2, 3) for j in (1, 2, 3)]
    given = [
        _value(table.block, tag) for tag in (*entries, *(f"_atom_sites.fract_transf_vector[{i}]" for i in (1, 2, 3)))
    ]
    if all(map(is_real, given)):
        numbers = np.array([real(word, "") for word in given])
        if abs(np.linalg.det(numbers[:9].reshape(3, 3))) > 0:
            matrix = np.linalg.inv(numbers[:9].reshape(3, 3))
            return matrix, -matrix @ numbers[9:]
    cell = [_UNCERTAINTY.sub("", _value(table.block, f"_cell.{tag}")) for tag in _CELL]
    if all(map(is_real, cell)):
        unit_cell = gemmi.UnitCell(*(real(word, "") for word in cell))
        if unit_cell.volume > 0 and unit_cell.is_crystal():
            return np.array(unit_cell.orth.mat.tolist()), np.zeros(3)
    raise FeaturizationError(
        f"'{table.name}' has fractional coordinates (_atom_site.fract_x) and no unit cell (_cell.length_a and so on) that turns "
        "them into Å; add the cell, or Cartesian coordinates (_atom_site.Cartn_x)."
    )


def _value(block: gemmi.cif.Block, tag: str) -> str:
    return _unquoted(block.find_value(tag) or "?")


def _elements(symbols: list[str]) -> np.ndarray:
    """Return the atomic numbers of symbols, which may have a charge behind them; 0 where not known."""
    known = {}
    for symbol in set(symbols):
        parts = _ELEMENT.fullmatch(symbol)
        number = gemmi.Element(parts[1]).atomic_number if parts else 0
        known[symbol] = 1 if number == _DEUTERIUM else number
    return np.array([known[symbol] for symbol in symbols], dtype=np.int64)


def _encoded(words: list[str]) -> np.ndarray:
    return np.array([word.encode() for word in words])


def _altlocs(labels: list[str]) -> np.ndarray:
    """Return a code for each label, in alphabetical order: of one character its own, 0 for none."""
    if not any(labels):
        return np.zeros(len(labels), dtype=np.int64)
    long = sorted({label for label in labels if len(label) > 1})
    codes = {label: _FIRST_LONG_LABEL + i for i, label in enumerate(long)} | {"": 0}
    return np.array([codes[label] if label in codes else ord(label) for label in labels], dtype=np.int64)


def _insertion_codes(table: _Table) -> np.ndarray:
    codes = table.words("pdbx_PDB_ins_code", default="")
    if not any(codes):
        return np.full(table.length, ord(" "))
    codes = [code or " " for code in codes]
    for i, code in enumerate(codes):
        if len(code) != 1:
            raise FeaturizationError(f"{table.row(i)} has '{code}' as its insertion code; one character is accepted.")
    return np.array([ord(code) for code in codes], dtype=np.int64)


def _residue_numbers(table: _Table, labels: list[list[str]], names: list[str], altlocs: np.ndarray) -> np.ndarray:
    """Return the numbers of residues; where there are none, a new one where the labels change or a name comes again."""
    authors = table.words("auth_seq_id", "label_seq_id", default="")
    if "" not in authors:
        return wholes(authors, table.row, "auth_seq_id")
    made_up, last = NO_NUMBER, None
    seen: set[tuple[str, int]] = set()
    numbers = np.empty(table.length, dtype=np.int64)
    for i, (word, altloc, *key) in enumerate(zip(authors, altlocs.tolist(), names, *labels, strict=True)):
        if word:
            numbers[i], last = whole(word, table.row(i), "auth_seq_id"), None
            continue
        residue, site = tuple(key[1:]), (key[0], altloc)
        if residue != last or site in seen:
            made_up, seen, last = made_up - 1, set(), residue
        seen.add(site)
        numbers[i] = made_up
    return numbers
