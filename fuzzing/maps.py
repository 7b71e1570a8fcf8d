"""Cases for maps: Gaussian cubes, CCP4 and MRC files, MTZ and structure factors as mmCIF."""

from __future__ import annotations

import math
import random
import re
import struct
from functools import cache
from pathlib import Path
from typing import Any

import gemmi
import numpy as np

from fuzzing import package
from fuzzing.atoms import number
from fuzzing.cases import EITHER, READ, REFUSED, Case, Reader, Verdict, unknown
from fuzzing.mutations import blind, meaningless, packed
from fuzzing.small_molecules import text_of

BOHR = 0.529177210903
"""Å, CODATA 2018."""
SHAPE = (5, 6, 7)
CELL = (20.0, 24.0, 28.0)


def read(path: Path, **settings: Any) -> Any:
    """Read as the package does."""
    return package.of("deepchem_density", "read_map")(path, values="file", **settings)


@cache
def values() -> np.ndarray:
    """Return values that are positive and different from node to node, with a period in no direction."""
    i, j, k = np.indices(SHAPE)
    return (0.4 + 0.3 * np.sin(1.1 * i) * np.cos(0.8 * j + 0.3) + 0.05 * k + 0.001 * (i + 2 * j)).astype(np.float32)


def gridded(
    wanted: np.ndarray, steps: np.ndarray, origin: Any, periodic: bool | None, tolerance: float = 1e-5
) -> Verdict:
    """Return a verdict that wants these values at these places."""

    def verdict(found: Any) -> str:
        if found.values.shape != wanted.shape:
            return f"{found.values.shape} values, {wanted.shape} are right"
        if not np.allclose(found.steps, steps, atol=2e-3) or not np.allclose(found.origin, origin, atol=2e-3):
            return f"steps {found.steps.tolist()}, origin {found.origin.tolist()}; {steps.tolist()} and {list(origin)} are right"
        if not np.allclose(found.values, wanted, rtol=tolerance, atol=tolerance, equal_nan=True):
            return f"values differ by {np.nanmax(np.abs(found.values - wanted)):.3g}"
        if periodic is not None and bool(found.periodic) != periodic:
            return f"periodic is {found.periodic}, {periodic} is right"
        return ""

    return verdict


def cube(
    number_format: str = "{:13.5E}", n_atoms: int = 1, angstrom: bool = False, comment: str = "Electron density"
) -> str:
    """Return a cube file of the values, in e/bohr³."""
    sign = -1 if angstrom else 1
    unit = 1.0 if angstrom else BOHR
    axes = [
        f"{sign * n:5d}" + "".join(f"{0.5 / unit if i == a else 0:12.6f}" for i in range(3))
        for a, n in enumerate(SHAPE)
    ]
    head = [comment, "made up", f"{n_atoms:5d}" + "".join(f"{v / unit:12.6f}" for v in (-1.0, -1.5, -2.0)), *axes]
    atoms = ["    8    8.000000    0.000000    0.000000    0.000000"] * abs(n_atoms)
    orbitals = ["    1    5"] if n_atoms < 0 else []
    rows = ["".join(number_format.format(v) for v in row) for row in values().reshape(-1, SHAPE[2]).tolist()]
    return "\n".join([*head, *atoms, *orbitals, *rows]) + "\n"


def cube_truth(tolerance: float = 1e-4) -> Verdict:
    """Return what is right of the cube."""
    return gridded(values() / BOHR**3, 0.5 * np.eye(3), (-1.0, -1.5, -2.0), False, tolerance)


def _cube(mutation: str, content: bytes, verdict: Verdict, expected: str = EITHER, gz: str = "") -> Case:
    return Case("cube", mutation, {f"case.cube{gz}": content}, read, verdict, expected)


def cube_changed(rng: random.Random) -> Case:
    """Return a cube after random changes; what is read of it must be what a plain reading gives."""
    content = blind(rng, cube().encode())
    return _cube("changed at random", content, lambda found: _against_plain_cube(found, text_of(content)))


def cube_same(rng: random.Random) -> Case:
    """Return a cube in another form of the same meaning."""
    form = rng.choice(("{:13.5E}", " {:.6e}", " {:.7f}"))
    content, gz = meaningless(rng, cube(form, angstrom=rng.random() < 0.3)), rng.choice(("", ".gz"))
    return _cube("same meaning", packed(rng, content) if gz else content, cube_truth(), READ, gz)


def cube_fortran(rng: random.Random) -> Case:
    """Return a cube with an exponent that leaves no room for its letter, or with D as the letter."""
    text = cube()
    found = list(re.finditer(r" [0-9]\.[0-9]{5}E[-+][0-9]{2}", text))
    one = rng.choice(found)
    if rng.random() < 0.5:
        content = text[: one.start()] + one[0].replace("E", "D") + text[one.end() :]
        return _cube("exponents of Fortran", content.encode(), cube_truth(), READ)
    place = found.index(one)
    wanted = values().astype(float).ravel().copy()
    wanted[place] = 0.0
    content = text[: one.start()] + " 0.36124-109" + text[one.end() :]
    verdict = gridded(wanted.reshape(SHAPE) / BOHR**3, 0.5 * np.eye(3), (-1.0, -1.5, -2.0), False, 1e-4)
    return _cube("exponents of Fortran", content.encode(), verdict, READ)


def cube_other(rng: random.Random) -> Case:
    """Return a cube that holds no density: an orbital, a potential, more or fewer values than announced, decimal commas."""
    kind = rng.choice(("orbital", "potential", "spin", "fewer", "commas", "signs"))
    text = cube()
    if kind == "orbital":
        text = cube(n_atoms=-1, comment=rng.choice(("MO coefficients", "made up", "Title", "")))
    elif kind in ("potential", "spin"):
        text = cube(comment={"potential": "Electrostatic potential", "spin": "Spin density"}[kind])
    elif kind == "fewer":
        text = text.rstrip()[: -rng.randrange(13, 60)]
    elif kind == "commas":
        text = text.replace("5.", "5,", 1) if rng.random() < 0.5 else re.sub(r"([0-9])\.([0-9]{5}E)", r"\1,\2", text)
    else:
        text = cube(comment="made up")
        text = re.sub(r" ( ?[0-9]\.[0-9]{5}E)", lambda m: f"-{m[1].strip()}" if rng.random() < 0.5 else m[0], text)
    return _cube(f"no density: {kind}", text.encode(), unknown, REFUSED)


def _against_plain_cube(found: Any, text: str) -> str | None:
    """Compare with a plain reading by the format's description; None where that gives nothing."""
    lines = text.split("\n")
    try:
        words = lines[2].split()
        n_atoms, origin = int(words[0]), [number(word) for word in words[1:4]]
        rows = [line.split() for line in lines[3:6]]
        counts = [int(row[0]) for row in rows]
        steps = np.array([[number(word) for word in row[1:4]] for row in rows]).T
        unit = 1.0 if counts[0] < 0 else BOHR
        data = [number(word) for line in lines[6 + abs(n_atoms) :] for word in line.split()]
        wanted = np.array(data[2 if n_atoms < 0 else 0 :]).reshape([abs(n) for n in counts]) / BOHR**3
    except (ValueError, IndexError):
        return None
    return gridded(wanted.astype(np.float32), steps * unit, np.array(origin) * unit, False, 1e-4)(found)


def ccp4(rng: random.Random, **words: Any) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Return a CCP4 file written byte by byte, its values (x, y, z) and steps; words of the header by their number from 1."""
    axes = words.pop("axes", None) or rng.sample((1, 2, 3), 3)
    mode = words.pop("mode", rng.choice((2, 2, 0, 1, 6)))
    data = values() if mode == 2 else np.rint(values() * 100).astype({0: "<i1", 1: "<i2", 6: "<u2"}[mode])
    stored = data.transpose([axis - 1 for axis in reversed(axes)])  # sections, rows, columns
    sizes = [SHAPE[axis - 1] for axis in axes]
    header = bytearray(1024)
    struct.pack_into("<10i", header, 0, *sizes, mode, *words.pop("start", (0, 0, 0)), *words.pop("sampling", SHAPE))
    struct.pack_into("<6f", header, 40, *CELL, *words.pop("angles", (90.0, 90.0, 90.0)))
    struct.pack_into("<3i", header, 64, *axes)
    struct.pack_into("<3f", header, 76, float(data.min()), float(data.max()), float(data.mean()))
    struct.pack_into("<2i", header, 88, words.pop("group", 1), 0)
    header[208:216] = b"MAP DA\x00\x00"
    for word, value in words.items():
        struct.pack_into("<f" if isinstance(value, float) else "<i", header, 4 * (int(word[1:]) - 1), value)
    steps = np.diag(np.array(CELL) / SHAPE)
    return (
        bytes(header) + np.ascontiguousarray(stored).astype({2: "<f4"}.get(mode, data.dtype)).tobytes(),
        data.astype(float),
        steps,
    )


def _map(mutation: str, content: bytes, verdict: Verdict, expected: str = EITHER, gz: str = "", **how: Any) -> Case:
    return Case("ccp4", mutation, {f"case.ccp4{gz}": content}, lambda path: read(path, **how), verdict, expected)


def map_same(rng: random.Random) -> Case:
    """Return a map in any order of axes and any mode."""
    content, wanted, steps = ccp4(rng)
    gz = rng.choice(("", ".gz"))
    return _map(
        "axes and modes", packed(rng, content) if gz else content, gridded(wanted, steps, (0, 0, 0), None), READ, gz
    )


def map_changed(rng: random.Random) -> Case:
    """Return a map after random changes: its values are among those of the file."""
    content = blind(rng, ccp4(rng)[0])
    return _map("changed at random", content, lambda found: _against_plain_map(found, content))


def map_ends(rng: random.Random) -> Case:
    """Return a map that is no crystal's cell: its header is of microscopy, has an origin, or angles of 0, or crops a cell."""
    kind = rng.choice(("version", "origin", "group 0", "angles 0", "crop"))
    words: dict[str, Any] = {"version": {"w28": 20140}, "group 0": {"group": 0}}.get(kind, {})
    origin = (0.0, 0.0, 0.0)
    if kind == "origin":
        origin = (3.5, -7.25, 11.0)
        words = {"w50": origin[0], "w51": origin[1], "w52": origin[2]}
    elif kind == "angles 0":
        words = {"angles": (0.0, 0.0, 0.0)}
    elif kind == "crop":
        words = {"sampling": tuple(2 * n for n in SHAPE)}
    content, wanted, steps = ccp4(rng, mode=2, **words)
    return _map(f"no cell: {kind}", content, gridded(wanted, steps / (2 if kind == "crop" else 1), origin, False))


def map_refused(rng: random.Random) -> Case:
    """Return a stack, a map without a cell, a header larger than its file, or a constant map."""
    kind = rng.choice(("stack", "no cell", "too large", "constant", "cut"))
    words: dict[str, Any] = {
        "stack": {"group": 401, "sampling": (*SHAPE[:2], 1), "axes": (2, 1, 3)},
        "no cell": {"angles": (200.0, 90.0, 90.0)},
    }.get(kind, {})
    if kind == "too large":
        words = {f"w{rng.choice((1, 2, 3))}": rng.choice((2**31 - 1, 100_000, -5, 0))}
    content = ccp4(rng, mode=2, **words)[0]
    if kind == "constant":
        content = content[:1024] + struct.pack("<f", 0.5) * (len(content) // 4 - 256)
    if kind == "cut":
        content = content[: rng.randrange(len(content) - 1)]
    return _map(f"no map: {kind}", content, unknown, REFUSED)


def _against_plain_map(found: Any, content: bytes) -> str | None:
    """Tell whether the finite values are those behind the header; other orders and copies by symmetry do not matter."""
    mode, extended = struct.unpack_from("<i", content, 12)[0], struct.unpack_from("<i", content, 92)[0]
    kind = {0: "<i1", 1: "<i2", 2: "<f4", 6: "<u2"}.get(mode)
    if kind is None or mode != 2 or extended < 0:
        return None
    data = np.frombuffer(content[1024 + extended :][: (len(content) - 1024 - extended) // 4 * 4], kind)
    known = found.values[np.isfinite(found.values)]
    return "" if np.isin(known, data).all() else "values that are not in the file"


@cache
def reflections() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return indices, amplitudes and phases in degrees of one half of reciprocal space."""
    rng = np.random.default_rng(5)
    half = [(h, k, l) for h in range(-3, 4) for k in range(-3, 4) for l in range(4) if (l, k, h) > (0, 0, 0)]  # noqa: E741
    hkl = np.array(half)
    return hkl, rng.uniform(1, 20, len(hkl)).astype(np.float32), rng.uniform(-180, 180, len(hkl)).astype(np.float32)


@cache
def mtz() -> bytes:
    """Return an MTZ file in P 1."""
    hkl, amplitudes, phases = reflections()
    made = gemmi.Mtz(with_base=True)
    made.spacegroup, _ = gemmi.SpaceGroup("P 1"), made.set_cell_for_all(gemmi.UnitCell(12, 13, 14, 90, 90, 90))
    made.add_dataset("made up")
    made.add_column("FWT", "F")
    made.add_column("PHWT", "P")
    made.set_data(np.column_stack([hkl, amplitudes, phases]).astype(np.float32))
    return made.write_to_bytes()


def structure_factors() -> str:
    """Return the same as mmCIF."""
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    cell = [f"_cell.{name} {value}" for name, value in zip(names, (12, 13, 14, 90, 90, 90), strict=True)]
    tags = [f"_refln.{tag}" for tag in ("index_h", "index_k", "index_l", "pdbx_FWT", "pdbx_PHWT")]
    rows = [f"{hkl[0]} {hkl[1]} {hkl[2]} {f:.4f} {p:.4f}" for hkl, f, p in zip(*reflections(), strict=True)]
    return "\n".join(["data_rmade", *cell, "_symmetry.space_group_name_H-M 'P 1'", "loop_", *tags, *rows, "#"]) + "\n"


def summed(found: Any) -> str:
    """Tell whether a map is the Fourier sum over the reflections, at three of its nodes."""
    hkl, amplitudes, phases = reflections()
    for node in ((0, 0, 0), (1, 2, 3), (4, 1, 2)):
        turns = hkl @ (np.array(node) / np.array(found.values.shape))
        right = 2 / (12 * 13 * 14) * float((amplitudes * np.cos(np.radians(phases) - 2 * math.pi * turns)).sum())
        if abs(float(found.values[node]) - right) > 1e-4:
            return f"{found.values[node]:.6f} at node {node}, {right:.6f} is the Fourier sum"
    return ""


def _finite(found: Any) -> str | None:
    return None if np.isfinite(found.values).all() else "values that are not finite"


def mtz_changed(rng: random.Random) -> Case:
    """Return reflections after random changes."""
    content = blind(rng, mtz())
    return Case("mtz", "changed at random", {"case.mtz": content}, read, _finite)


def mtz_same(rng: random.Random) -> Case:
    """Return reflections, also compressed, whose map is the Fourier sum."""
    gz = rng.choice(("", ".gz"))
    return Case("mtz", "same meaning", {f"case.mtz{gz}": packed(rng, mtz()) if gz else mtz()}, read, summed, READ)


def mtz_header(rng: random.Random) -> Case:
    """Return reflections whose header announces none, or more than there are, or a cell that is none."""
    content = mtz()
    kind = rng.choice(("none", "many", "cell"))
    if kind == "cell":
        content = re.sub(rb"(D?CELL .{8,11}?)12\.0000", rb"\g<1>" + rng.choice((b" 0.0000", b"12000.0")), content)
    else:
        n = len(reflections()[0])
        new = b"0" if kind == "none" else b"9" * len(str(n))
        content = re.sub(rb"(NCOL +5 +)%d" % n, lambda m: m[1] + new.rjust(len(str(n))), content)
    return Case("mtz", f"header: {kind}", {"case.mtz": content}, read, _finite, EITHER)


def sf_changed(rng: random.Random) -> Case:
    """Return structure factors as mmCIF after random changes, or as they are."""
    if rng.random() < 0.25:
        content, gz = meaningless(rng, structure_factors()), rng.choice(("", ".gz"))
        return Case(
            "sf.cif", "same meaning", {f"case.cif{gz}": packed(rng, content) if gz else content}, read, summed, READ
        )
    return Case("sf.cif", "changed at random", {"case.cif": blind(rng, structure_factors().encode())}, read, _finite)


READERS = (
    Reader("cube", 8, (cube_changed, cube_changed, cube_changed, cube_same, cube_fortran, cube_other)),
    Reader("ccp4", 10, (map_changed, map_changed, map_changed, map_same, map_ends, map_refused)),
    Reader("mtz", 4, (mtz_changed, mtz_changed, mtz_changed, mtz_same, mtz_header)),
    Reader("sf.cif", 4, (sf_changed,)),
)
