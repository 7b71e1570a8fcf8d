"""Maps summed from amplitudes and phases, against the formula and the Fourier sum, and files that make no map."""

from __future__ import annotations

import gzip

import gemmi
import numpy as np
import pytest
from crystals import coefficients, computed, crystal, formula, fourier_sum, points, values_at, write_reflections

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.map_readers import read_map


@pytest.mark.parametrize("suffix", [".mtz", ".mtz.gz", ".cif", ".mmcif", ".ent", ".cif.gz"])
@pytest.mark.parametrize("spacegroup", ["P 1 21 1", "P 43 21 2"])
def test_map_coefficients_are_summed(tmp_path, spacegroup, suffix):
    mtz = coefficients(spacegroup, (("FWT", "PHWT"), ("DELFWT", "PHDELWT")))
    path = tmp_path / f"crystal{suffix}"
    write_reflections(path, mtz)
    labels = ("FWT", "DELFWT") if ".mtz" in suffix else ("pdbx_FWT", "pdbx_DELFWT")
    density, doubled = read_map(path, values="file"), read_map(path, labels[1], values="file")
    assert density.periodic
    expected = fourier_sum(mtz, ("FWT", "PHWT"), points(100))
    sigma = density.values.std()
    error = values_at(density, points(100)) - expected
    assert np.square(error).mean() ** 0.5 < 0.02 * sigma
    assert abs(error).max() < 0.2 * sigma
    np.testing.assert_allclose(doubled.values, 2 * density.values, atol=1e-4)


def test_a_coefficient_map_is_the_density_less_its_mean(tmp_path):
    coefficients("C 2 2 21", (("FWT", "PHWT"),)).write_to_file(str(tmp_path / "a.mtz"))
    density = read_map(tmp_path / "a.mtz", values="file")
    expected = formula("C 2 2 21", points()) - np.array(computed("C 2 2 21")).mean()
    # what is missing is beyond 1.2 Å
    np.testing.assert_allclose(values_at(density, points()), expected, atol=0.03)


def test_coefficients_are_found_in_the_documented_order(tmp_path):
    path = tmp_path / "a.mtz"
    pairs = (("DELFWT", "PHDELWT"), ("2FOFCWT", "PH2FOFCWT"), ("FWT", "PHWT"), ("F-model", "PHIF-model"))
    coefficients("P 1", pairs).write_to_file(str(path))
    scale = read_map(path, ("DELFWT", "PHDELWT"), values="file").values.std()
    for asked, factor in (
        (None, 3),
        ("2FOFCWT", 2),
        (("2FOFCWT", "PH2FOFCWT"), 2),
        ("FWT,PHWT", 3),
        ("F-model, PHIF-model", 4),
        ("DELFWT", 1),
    ):
        assert read_map(path, asked, values="file").values.std() / scale == pytest.approx(factor, rel=1e-4), asked


def test_missing_reflections_do_not_count(tmp_path):
    mtz = coefficients("P 1", (("FWT", "PHWT"),))
    table = np.array(mtz)
    table[::7, 3:] = np.nan
    mtz.set_data(table)
    mtz.write_to_file(str(tmp_path / "holed.mtz"))
    mtz.set_data(table[np.isfinite(table[:, 3])])
    mtz.write_to_file(str(tmp_path / "short.mtz"))
    holed, short = (read_map(tmp_path / f"{name}.mtz", values="file").values for name in ("holed", "short"))
    np.testing.assert_allclose(holed, short, atol=1e-5)


def test_reflections_without_phases_are_refused_with_their_columns(tmp_path):
    coefficients("P 1", (("FP", "PHIC"), ("DELFWT", "PHDELWT"))).write_to_file(str(tmp_path / "a.mtz"))
    with pytest.raises(
        FeaturizationError, match=r"'a\.mtz' has the columns H, K, L, FP, PHIC, .*but not FWT \+ PHWT, 2FO"
    ):
        read_map(tmp_path / "a.mtz")
    with pytest.raises(FeaturizationError, match=r"but not FWT \+ PHWT; name"):
        read_map(tmp_path / "a.mtz", ("FWT", "PHWT"))
    with pytest.raises(FeaturizationError, match=r"Column FP of 'a\.mtz' holds no phases"):
        read_map(tmp_path / "a.mtz", ("PHIC", "FP"))


def test_coefficients_that_are_all_missing_are_refused(tmp_path):
    mtz = coefficients("P 1", (("FWT", "PHWT"),))
    table = np.array(mtz)
    table[:, 3:] = np.nan
    mtz.set_data(table)
    mtz.write_to_file(str(tmp_path / "a.mtz"))
    with pytest.raises(FeaturizationError, match=r"FWT and PHWT of 'a\.mtz' hold no finite"):
        read_map(tmp_path / "a.mtz")


def test_atoms_are_no_map(tmp_path):
    crystal("P 1").make_mmcif_document().write_file(str(tmp_path / "atoms.cif"))
    with pytest.raises(FeaturizationError, match=r"'atoms\.cif' holds no reflections"):
        read_map(tmp_path / "atoms.cif")
    crystal("P 1").write_pdb(str(tmp_path / "atoms.ent"))
    with pytest.raises(FeaturizationError, match=r"gemmi cannot read 'atoms\.ent' as \.ent"):
        read_map(tmp_path / "atoms.ent")


def without_reflections(spacegroup: str = "P 1") -> gemmi.Mtz:
    mtz = coefficients(spacegroup, (("FWT", "PHWT"),))
    mtz.set_data(np.zeros((0, 5), dtype=np.float32))
    return mtz


def test_reflections_that_are_none_end_in_an_error(tmp_path):
    """Gemmi would go on for ever."""
    without_reflections().write_to_file(str(tmp_path / "a.mtz"))
    with pytest.raises(FeaturizationError, match=r"'a\.mtz' holds no reflections: 0 rows"):
        read_map(tmp_path / "a.mtz")


def test_only_the_reflection_000_is_no_map(tmp_path):
    mtz = coefficients("P 1", (("FWT", "PHWT"),))
    mtz.set_data(np.array([[0, 0, 0, 5, 0]], dtype=np.float32))
    mtz.write_to_file(str(tmp_path / "a.mtz"))
    with pytest.raises(FeaturizationError, match=r"'a\.mtz' has the cell .* reflections beside 0 0 0 are accepted"):
        read_map(tmp_path / "a.mtz")


@pytest.mark.parametrize("compressed", [False, True])
def test_more_reflections_than_the_file_holds_are_refused_before_memory_is_asked_for(tmp_path, compressed, monkeypatch):
    path = tmp_path / f"a.mtz{'.gz' if compressed else ''}"
    content = coefficients("P 1", (("FWT", "PHWT"),)).write_to_bytes()
    at = content.index(b"NCOL")
    words = content[at : at + 80].split()
    words[2] = b"400000000"
    content = content[:at] + b" ".join(words).ljust(80) + content[at + 80 :]
    path.write_bytes(gzip.compress(content) if compressed else content)
    read = gemmi.read_mtz_file

    def without_data(path, with_data=True):
        assert not with_data
        return read(path, with_data=False)

    monkeypatch.setattr(gemmi, "read_mtz_file", without_data)
    with pytest.raises(
        FeaturizationError, match=r"announces 400,000,000 reflections of 5 columns and has [\d,]+ bytes"
    ):
        read_map(path)


@pytest.mark.parametrize(
    ("length", "message"),
    [
        (150_000, r"3 reflections for a grid of 15\d,\d+ x 1\d x 1\d nodes"),
        (1.5e9, r"takes [\d,.]+ GiB of memory; at most 4"),
    ],
)
def test_a_cell_that_few_reflections_cannot_fill_is_refused(tmp_path, length, message):
    (tmp_path / "a.cif").write_text(
        f"data_r1sf\n_cell.length_a {length}\n_cell.length_b 16\n_cell.length_c 17\n_cell.angle_alpha 90\n"
        "_cell.angle_beta 90\n_cell.angle_gamma 90\n_symmetry.space_group_name_H-M 'P 1'\nloop_\n_refln.index_h\n"
        "_refln.index_k\n_refln.index_l\n_refln.pdbx_FWT\n_refln.pdbx_PHWT\n1 2 3 10 20\n2 1 1 5 7\n3 3 3 4 1\n"
    )
    with pytest.raises(FeaturizationError, match=message):
        read_map(tmp_path / "a.cif")


def test_structure_factors_are_read_with_the_mark_of_utf8(tmp_path):
    write_reflections(tmp_path / "a.cif", coefficients("P 1 21 1", (("FWT", "PHWT"),)))
    plain = read_map(tmp_path / "a.cif").values.copy()
    marked = tmp_path / "b.cif.gz"
    marked.write_bytes(gzip.compress(b"\xef\xbb\xbf" + (tmp_path / "a.cif").read_bytes()))
    np.testing.assert_array_equal(read_map(marked).values, plain)
