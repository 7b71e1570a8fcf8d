from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cube_text import STEPS, cube_text

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.cube_files import read_cube, read_density_cube
from deepchem_density.structures.readers import structure_from

BOHR = 0.529177210903


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 4, 7)).round(4)


@pytest.mark.parametrize(("sign", "unit"), [(1, BOHR), (-1, 1.0)], ids=["bohr", "angstrom"])
def test_lengths_are_in_bohr_unless_counts_are_negative(tmp_path, values, sign, unit):
    path = tmp_path / "a.cube"
    path.write_text(cube_text(values, sign=sign))
    cube = read_cube(path)
    np.testing.assert_allclose(cube.origin, np.array([1.0, -2.0, 0.5]) * unit)
    np.testing.assert_allclose(cube.steps, STEPS * unit)
    np.testing.assert_allclose(cube.values[..., 0], values / BOHR**3, rtol=1e-12)
    assert cube.orbitals == ()


def test_compressed_files_and_crlf_are_read(tmp_path, values):
    text = cube_text(values)
    (tmp_path / "a.cube").write_bytes(text.encode())
    (tmp_path / "b.cube.gz").write_bytes(gzip.compress(text.replace("\n", "\r\n").encode()))
    np.testing.assert_array_equal(read_cube(tmp_path / "a.cube").values, read_cube(tmp_path / "b.cube.gz").values)


def test_numbers_of_fortran_are_read(tmp_path, values):
    """With D for the exponent, and without a blank before the minus sign."""
    path = tmp_path / "a.cube"
    expected = read_values(path, cube_text(values))
    doubled = cube_text(values).replace("E+", "D+").replace("E-", "D-")
    np.testing.assert_array_equal(read_values(path, doubled), expected)
    tight = cube_text(-abs(values), form="{: .5E}")
    assert "E+00-" in tight, "no two numbers touch"
    np.testing.assert_array_equal(read_values(path, tight), -abs(expected))


def test_exponents_without_a_letter_are_read(tmp_path):
    """Fortran drops the E of exponents of three digits, also between numbers that touch."""
    words = [
        "0.36124-109",
        "-0.1-100-0.25E+00",
        "0.10000E+01",
        "  0.5+100",
        " 0.47112E-57",
        "0.1D-2-0.3-120-1.0+101",
        "0.2",
    ]
    path = tmp_path / "a.cube"
    path.write_text(cube_text(np.zeros((1, 2, 5))).split("    8 ")[0] + "    8 8.0 0 0 0\n" + "\n".join(words) + "\n")
    expected = [0.36124e-109, -0.1e-100, -0.25, 1, 0.5e100, 0.47112e-57, 0.1e-2, -0.3e-120, -1e101, 0.2]
    np.testing.assert_allclose(read_cube(path).values.ravel() * BOHR**3, expected, rtol=1e-12)


def read_values(path: Path, text: str) -> np.ndarray:
    path.write_text(text)
    return read_cube(path).values


def test_orbitals_keep_their_amplitudes(tmp_path):
    orbitals = np.random.default_rng(1).normal(size=(3, 2, 4, 3)).round(4)
    path = tmp_path / "a.cube"
    path.write_text(cube_text(orbitals, natoms=-1, index="  3  19  20\n   21\n"))
    cube = read_cube(path)
    assert cube.orbitals == (19, 20, 21)
    np.testing.assert_allclose(cube.values, orbitals, rtol=1e-12)


def test_several_values_a_point_come_last(tmp_path):
    several = np.random.default_rng(1).normal(size=(3, 2, 4, 4)).round(4)
    path = tmp_path / "a.cube"
    path.write_text(cube_text(several, extra="  4"))
    np.testing.assert_allclose(read_cube(path).values, several / BOHR**3, rtol=1e-12)


BROKEN = {
    "empty": (lambda t: "", "1 lines"),
    "short": (lambda t: "\n".join(t.split("\n")[:5]), "5 lines"),
    "truncated": (lambda t: t[:-41], "84 in all, and 81 found"),
    "too long": (lambda t: t + " 1.0\n", "84 in all, and 85 found"),
    "missing atoms": (lambda t: t.replace(" 1 1.0 -2.0", " 2 1.0 -2.0"), "stands where the atoms should"),
    "no numbers": (lambda t: t[:-12] + "*********** \n", r"has '-1\*{11}' as its value"),
    "decimal comma": (lambda t: t.replace("E+00", "E+00").replace(".", ","), "with a decimal comma"),
    "digits with underscores": (lambda t: t.replace(" 1.0 -2.0", " 1_0 -2.0"), "line 3 has '1_0' as its origin"),
    "not finite": (lambda t: t.replace(" 1.0 -2.0", " 1.0 nan"), "line 3 has 'nan' as its origin"),
    "no whole number": (lambda t: t.replace("    4 ", "    4.5 "), "line 5 has '4.5' as its number of points"),
    "counts": (lambda t: t.replace("    4 ", "   -4 "), "all positive"),
    "no count": (lambda t: t.replace("    4 ", "    0 "), "all positive"),
    "no axes": (lambda t: t.replace("    4 ", "    4 3 3 3 "), "fourth to sixth"),
    "html": (lambda t: "<html>\n<body>\n<h1>Not found</h1>\n" * 3, "stands where the number of atoms"),
    "huge": (lambda t: t.replace("    4 ", "    4000000000 "), "84 found"),
    "no orbitals": (
        lambda t: t.replace(" 1 1.0 -2.0", " -1 1.0 -2.0"),
        "as its number of orbitals|no list of orbitals",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_refused_by_name(tmp_path, values, kind):
    spoil, message = BROKEN[kind]
    path = tmp_path / "broken.cube"
    path.write_text(spoil(cube_text(values)))
    with pytest.raises(
        FeaturizationError, match=rf"'broken\.cube' cannot be read as a Gaussian cube file: .*({message})"
    ):
        read_cube(path)


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"x" * 1000, mtime=0)[:-12], gzip.compress(b"x" * 1000, mtime=0)[:12] + b"damaged"],
)
def test_a_broken_archive_is_refused_by_name(tmp_path, content):
    path = tmp_path / "broken.cube.gz"
    path.write_bytes(content)
    with pytest.raises(FeaturizationError, match=r"'broken\.cube\.gz' (is a damaged gzip archive|cannot be read)"):
        read_cube(path)


def cube_with_comments(path: Path, values: np.ndarray, comments: str, **options) -> Path:
    text = cube_text(values, **options)
    path.write_text(comments + text[text.index("\n", text.index("\n") + 1) :])
    return path


def positive() -> np.ndarray:
    return np.random.default_rng(0).uniform(0.1, 1, (4, 5, 6)).round(4)


@pytest.mark.parametrize(
    "comments",
    [
        "a\nElectron density from Total SCF Density",
        "HOMO of benzene\nElectron density",
        "Generated by X\n",
        "\n",
        "rho\n",
    ],
)
def test_densities_are_densities_whatever_else_their_title_says(tmp_path, comments):
    cube = read_density_cube(cube_with_comments(tmp_path / "a.cube", positive(), comments))
    np.testing.assert_allclose(cube.values[..., 0], positive() / BOHR**3, rtol=1e-6)


@pytest.mark.parametrize(
    "comments",
    [
        "x\nMO coefficients",
        "Orbital value in real space (1/Bohr^3)\nPySCF Version",
        "-Quickstep-\n WAVEFUNCTION   1 spin 1",
        "x\nElectrostatic potential from Total SCF Density",
        "-Quickstep-\n SPIN DENSITY",
        "DENSITY: cube file created from cpmd file: ELF\n",
        "Psi4 Gaussian Cube File.\nProperty: Psi_a_1",
        "Difference density\n",
    ],
)
def test_other_quantities_are_refused_by_their_own_words(tmp_path, comments):
    """Even where they are positive everywhere."""
    with pytest.raises(FeaturizationError, match=r"'a\.cube' calls itself '.*', which is no electron density"):
        read_density_cube(cube_with_comments(tmp_path / "a.cube", positive(), comments))


def test_an_orbital_of_one_sign_is_refused(tmp_path):
    path = tmp_path / "a.cube"
    cube_with_comments(path, positive()[..., None], "x\ny", natoms=-1, index="    1    7\n")
    with pytest.raises(FeaturizationError, match=r"'a\.cube' holds orbital 7, an amplitude whose square is a density"):
        read_density_cube(path)
    cube_with_comments(path, positive()[..., None], "x\nElectron density", natoms=-1, index="    1    1\n")
    np.testing.assert_allclose(read_density_cube(path).values[..., 0], positive() / BOHR**3, rtol=1e-6)


def test_what_is_negative_in_large_part_must_call_itself_a_density(tmp_path):
    values = np.random.default_rng(0).normal(size=(4, 5, 6)).round(4)
    share = -values[values < 0].sum() / abs(values).sum()
    with pytest.raises(FeaturizationError, match=f"negative values that make up {share:.0%} of it"):
        read_density_cube(cube_with_comments(tmp_path / "a.cube", values, "x\ny"))
    read_density_cube(cube_with_comments(tmp_path / "a.cube", values, "Electron Density of a crystal\n"))
    ripples = positive() - np.where(np.arange(6) == 0, 1.001 * positive(), 0)
    read_density_cube(cube_with_comments(tmp_path / "b.cube", ripples, "x\ny"))


def integral(path: Path) -> float:
    cube = read_cube(path)
    return float(cube.values.sum() * abs(np.linalg.det(cube.steps)))


def test_valence_densities_integrate_to_the_valence_electrons(shared_data):
    folder = shared_data / "cubes" / "pyscf_gth_pbe_valence"
    summary = pd.read_csv(folder / "summary.csv")
    assert len(summary) == 9
    for row in summary.itertuples():
        electrons = integral(folder / f"{row.mol}_gth_pbe_valence.cube.gz")
        assert electrons == pytest.approx(row.nval, rel=2e-3), row.mol
        assert electrons == pytest.approx(row.integral, abs=2e-4), row.mol


@pytest.mark.parametrize("number", [1, 2])
def test_published_periodic_densities_integrate_to_eight(shared_data, number):
    folder = shared_data / "cubes" / "electrai_qm9_pbe" / f"dsgdb9nsd_{number:06d}"
    assert integral(folder / f"qm9_{number:06d}_pbe_gth_periodic.cube.gz") == pytest.approx(8.0, abs=5e-5)


def test_all_electron_densities_peak_at_the_heavy_atoms(shared_data):
    """Their sums over points are not the number of electrons; where they are highest is a check of origin and axes."""
    paths = sorted((shared_data / "cubes" / "pyscf_b3lyp").glob("*.cube.gz"))
    assert len(paths) == 9
    for path in paths:
        structure = structure_from(str(shared_data / "cubes" / "geom" / f"{path.name[:10]}.xyz"))
        cube = read_cube(path)
        heavy = structure.positions[structure.numbers > 1]
        highest = np.argsort(cube.values[..., 0], axis=None)[-1:]
        peak = cube.origin + cube.steps @ np.array(np.unravel_index(highest[0], cube.values.shape[:3]))
        assert np.linalg.norm(heavy - peak, axis=1).min() < 0.2, path.name


THIRD_PARTY = {
    # shape and orbitals
    "3dmol_LUMO.cube": ((30, 30, 30, 1), ()),
    "3dmol_density.cub.gz": ((59, 48, 47, 1), ()),
    "3dmol_h-bn_periodic.cube": ((13, 13, 105, 1), ()),
    "3dmol_o2h2_1_04.cube.gz": ((76, 64, 61, 1), (4,)),
    "3dmol_test.cube": ((5, 5, 5, 1), ()),
    "cclib_nh3_psi4_density.cube.gz": ((54, 48, 112, 1), ()),
    "critic2_cell_nonorthogonal.cube": ((10, 10, 10, 1), ()),
    "critic2_cube_precise_01.cube": ((2, 2, 2, 1), ()),
    "grid_ch4_gaussian_density_coarse.cube": ((6, 6, 6, 1), ()),
    "grid_ch4_negative_npts.cube": ((6, 6, 6, 1), ()),
    "iodata_aelta_nonorthogonal.cube": ((12, 12, 12, 1), ()),
    "ngl_acrolein_scf_density.cube.gz": ((77, 69, 96, 1), ()),
    "ngl_benzene_homo.cube.gz": ((55, 55, 40, 1), (21,)),
    "ngl_h2o_elf_cpmd.cube.gz": ((40, 40, 40, 1), ()),
    "rdkit_mif_test3.cube": ((5, 5, 5, 1), ()),
}


@pytest.mark.parametrize("name", THIRD_PARTY)
def test_files_of_other_programs_are_read(shared_data, name):
    cube = read_cube(shared_data / "cubes" / "third_party" / name)
    assert (cube.values.shape, cube.orbitals) == THIRD_PARTY[name]
    assert np.isfinite(cube.values).all()


def test_their_densities_and_orbitals_are_normalized(shared_data):
    folder = shared_data / "cubes" / "third_party"
    assert integral(folder / "cclib_nh3_psi4_density.cube.gz") == pytest.approx(10, rel=5e-3)
    assert integral(folder / "3dmol_h-bn_periodic.cube") == pytest.approx(8, abs=1e-3)
    for name in ("ngl_benzene_homo.cube.gz", "3dmol_o2h2_1_04.cube.gz"):
        cube = read_cube(folder / name)
        norm = np.square(cube.values).sum() * abs(np.linalg.det(cube.steps)) / BOHR**3
        assert norm == pytest.approx(1, rel=0.02), name


def test_the_same_file_in_bohr_and_angstrom_is_the_same(shared_data):
    folder = shared_data / "cubes" / "third_party"
    bohr, angstrom = (
        read_cube(folder / "grid_ch4_gaussian_density_coarse.cube"),
        read_cube(folder / "grid_ch4_negative_npts.cube"),
    )
    np.testing.assert_allclose(bohr.origin, angstrom.origin, atol=5e-5)  # they differ by 4e-5 as written
    np.testing.assert_allclose(bohr.steps, angstrom.steps, atol=1e-5)
    np.testing.assert_array_equal(bohr.values, angstrom.values)


def test_a_cube_without_the_atoms_it_announces_is_refused(shared_data):
    with pytest.raises(FeaturizationError, match=r"cclib_water_mp2_psi4.*where the atoms should, of which 3"):
        read_cube(shared_data / "cubes" / "third_party" / "cclib_water_mp2_psi4.cube")
