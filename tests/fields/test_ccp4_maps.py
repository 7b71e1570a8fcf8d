"""What headers of CCP4 and MRC files say, in files written byte by byte."""

from __future__ import annotations

import gzip

import gemmi
import numpy as np
import pytest
import torch
from crystals import computed, write_ccp4

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.map_readers import read_map

SQUARE = gemmi.UnitCell(16, 16, 16, 90, 90, 90)
NSYMBT, SPACE_GROUP, VERSION, KIND, IMOD_STAMP, IMOD_FLAGS, N_LABELS = 24, 23, 28, 27, 39, 40, 56
EDGE = 16


def blob(at: tuple[float, float, float], shape: tuple[int, int, int] = (EDGE, EDGE, EDGE)) -> np.ndarray:
    """Return a Gaussian hill, whose centre is where it is written."""
    nodes = np.indices(shape).transpose(1, 2, 3, 0)
    return np.exp(-np.square(nodes - np.array(at)).sum(axis=-1) / 8)


def waves(shape: tuple[int, int, int] = (EDGE, EDGE, EDGE)) -> np.ndarray:
    """Return a smooth function that repeats after 16 nodes along each axis."""
    x, y, z = 2 * np.pi * np.indices(shape) / EDGE
    return np.sin(x + 0.3) * np.cos(y) + np.sin(2 * z + x) + 0.5 * np.cos(y + z) + 0.3 * np.sin(2 * y + 1)


def with_label(path, text: str) -> None:
    content = bytearray(path.read_bytes())
    content[220:224] = np.array([1], dtype="<i4").tobytes()
    content[224:304] = text.encode().ljust(80)
    path.write_bytes(content)


def with_operators(path) -> None:
    content = bytearray(path.read_bytes())
    content[92:96] = np.array([80], dtype="<i4").tobytes()
    path.write_bytes(bytes(content[:1024]) + b"X,  Y,  Z".ljust(80) + bytes(content[1024:]))


def outside(density) -> torch.Tensor:
    return density.at(torch.as_tensor((density.origin + density.steps @ [-2.5, 8, 8])[None]))


# ---- cells


def test_angles_of_zero_are_right_angles(tmp_path):
    write_ccp4(tmp_path / "a.mrc", blob((5, 7, 9)), SQUARE)
    content = bytearray((tmp_path / "a.mrc").read_bytes())
    content[40:64] = np.array([24, 24, 24, 0, 0, 0], dtype="<f4").tobytes()
    (tmp_path / "a.mrc").write_bytes(content)
    density = read_map(tmp_path / "a.mrc", values="file")
    np.testing.assert_allclose(density.steps, 1.5 * np.eye(3))
    assert density.at(torch.tensor([[7.5, 10.5, 13.5]])).item() == pytest.approx(1, abs=1e-6)
    assert not density.periodic


@pytest.mark.parametrize(
    "cell",
    [
        *((16, 16, 16, 0, 90, 90), (0, 0, 0, 90, 90, 90), (16, -16, 16, 90, 90, 90), (16, 16, np.nan, 90, 90, 90)),
        *((16, 16, 16, 10, 10, 150), (16, 16, 16, 180, 90, 90), (np.inf, 16, 16, 90, 90, 90)),
    ],
)
def test_what_is_no_cell_is_refused(tmp_path, cell):
    write_ccp4(tmp_path / "a.mrc", blob((5, 7, 9)), SQUARE)
    content = bytearray((tmp_path / "a.mrc").read_bytes())
    content[40:64] = np.array(cell, dtype="<f4").tobytes()
    (tmp_path / "a.mrc").write_bytes(content)
    with pytest.raises(FeaturizationError, match=r"'a\.mrc' has the cell .* which is no unit cell"):
        read_map(tmp_path / "a.mrc")


# ---- stacks


@pytest.mark.parametrize(
    ("spacegroup", "per_volume"), [(401, 16), (401, 8), (0, 16), (0, 8), (0, 1), (1, 16), (19, 16)]
)
def test_stacks_are_no_crystals(tmp_path, spacegroup, per_volume):
    stack = np.concatenate([blob((5, 7, 9)), blob((12, 3, 6)), waves()], axis=2)[:, :, :32]
    write_ccp4(tmp_path / "a.mrc", stack, SQUARE, sampling=(16, 16, per_volume), spacegroup=spacegroup)
    with pytest.raises(FeaturizationError, match=r"'a\.mrc' .*stack of"):
        read_map(tmp_path / "a.mrc", periodic=None if spacegroup != 1 else True)


def test_one_volume_of_a_stack_is_a_box(tmp_path):
    write_ccp4(tmp_path / "a.mrc", blob((5, 7, 9)), SQUARE, spacegroup=401)
    density = read_map(tmp_path / "a.mrc", values="file")
    assert not density.periodic
    np.testing.assert_array_equal(density.values, blob((5, 7, 9)).astype(np.float32))


def test_more_than_a_cell_is_the_cell_where_it_repeats(tmp_path):
    whole = computed("P 1")
    nodes = np.ix_(*(np.arange(-3, n + 4) % n for n in whole.shape))
    write_ccp4(tmp_path / "a.map", np.array(whole)[nodes], whole.unit_cell, (-3, -3, -3), whole.shape)
    density = read_map(tmp_path / "a.map", values="file")
    assert density.periodic
    np.testing.assert_array_equal(density.values, np.array(whole))


# ---- whether it repeats


def test_a_crop_does_not_wrap_round_at_its_faces(tmp_path):
    """Cell and intervals are those of the crop, as programs of microscopy write them."""
    for number, (start, origin, spacegroup) in enumerate(
        [
            ((0, 0, 0), (0, 0, 0), 1),
            ((100, 40, 60), (0, 0, 0), 1),
            ((0, 0, 0), (80.5, -20, 30), 1),
            ((0, 0, 0), (0, 0, 0), 0),
        ]
    ):
        path = tmp_path / f"{number}.mrc"
        write_ccp4(path, blob((1, 8, 8)), SQUARE, start, origin=origin, spacegroup=spacegroup)
        density = read_map(path, values="file")
        np.testing.assert_allclose(density.origin, np.add(start, origin))
        inside = density.origin + np.array([1, 8, 8])
        assert density.at(torch.as_tensor(inside[None])).item() == pytest.approx(1, abs=1e-6)
        with pytest.raises(FeaturizationError, match=rf"'{number}\.mrc' ends 2\.50 Å inside .*periodic=True"):
            outside(density)


def test_a_map_in_a_larger_cell_is_a_box(tmp_path):
    write_ccp4(tmp_path / "a.mrc", waves(), gemmi.UnitCell(64, 64, 64, 90, 90, 90), (9, 3, 5), (64, 64, 64))
    density = read_map(tmp_path / "a.mrc")
    assert not density.periodic
    with pytest.raises(
        FeaturizationError, match=r"holds 16 x 16 x 16 of the 64 x 64 x 64 nodes.*periodic=True arrived"
    ):
        read_map(tmp_path / "a.mrc", periodic=True)


def test_values_tell_a_crystal_from_a_crop_where_the_header_does_not(tmp_path):
    write_ccp4(tmp_path / "cell.map", waves(), SQUARE)
    write_ccp4(tmp_path / "crop.map", waves()[:13, :13, :13], gemmi.UnitCell(13, 13, 13, 90, 90, 90))
    noise = np.random.default_rng(0).normal(size=(EDGE,) * 3)
    write_ccp4(tmp_path / "noise.map", noise, SQUARE)
    write_ccp4(tmp_path / "solvent.map", blob((7.5, 7.5, 7.5)), SQUARE)
    repeats = {name: read_map(tmp_path / f"{name}.map").periodic for name in ("cell", "crop", "noise", "solvent")}
    assert repeats == {"cell": True, "crop": False, "noise": False, "solvent": False}
    density = read_map(tmp_path / "cell.map", values="file")
    assert outside(density).item() == pytest.approx(waves((EDGE, EDGE, EDGE))[13:15, 8, 8].mean(), abs=0.1)


@pytest.mark.parametrize(
    "words",
    [
        {SPACE_GROUP: 0},
        {VERSION: 20140},
        {VERSION: 20141},
        {KIND: int(np.frombuffer(b"FEI1", "<i4")[0])},
        {50: int(np.float32(12.5).view("<i4"))},
    ],
)
def test_headers_of_microscopy_are_boxes_whatever_their_values(tmp_path, words):
    write_ccp4(tmp_path / "a.mrc", waves(), SQUARE, words=words)
    assert not read_map(tmp_path / "a.mrc").periodic
    density = read_map(tmp_path / "a.mrc", values="file", periodic=True)
    np.testing.assert_array_equal(density.values, waves().astype(np.float32))
    outside(density)


@pytest.mark.parametrize(
    ("label", "repeats"),
    [
        ("::::EMDATABANK.org::::EMD-1234::::", False),
        ("Relion    28-Nov-24  10:00:00", False),
        ("limitations: Values outside boundaries have no meaning", False),
        ("no_wrapping_outside_cell", False),
        ("Map from pandda", True),
    ],
)
def test_labels_are_read(tmp_path, label, repeats):
    write_ccp4(tmp_path / "a.map", waves(), SQUARE)
    with_label(tmp_path / "a.map", label)
    assert read_map(tmp_path / "a.map").periodic == repeats


def test_what_says_that_it_repeats_does(tmp_path):
    for name in ("label", "operators", "group", "user"):
        write_ccp4(tmp_path / f"{name}.map", blob((1, 8, 8)), SQUARE, spacegroup=19 if name == "group" else 1)
    with_label(tmp_path / "label.map", "Values outside boundaries are wrapped inside")
    with_operators(tmp_path / "operators.map")
    for name in ("label", "operators", "group", "user"):
        density = read_map(tmp_path / f"{name}.map", values="file", periodic=True if name == "user" else None)
        assert density.periodic, name
        np.testing.assert_array_equal(density.values, blob((1, 8, 8)).astype(np.float32))
        assert not read_map(tmp_path / f"{name}.map", periodic=False).periodic


# ---- where it is


def test_two_places_of_the_first_node_are_refused(tmp_path):
    write_ccp4(tmp_path / "a.mrc", blob((5, 7, 9)), SQUARE, (100, 40, 60), origin=(10.0, 20.0, 30.0))
    with pytest.raises(
        FeaturizationError, match=r"at \[100.0, 40.0, 60.0\] Å by NSTART and at \[10.0, 20.0, 30.0\] Å by"
    ):
        read_map(tmp_path / "a.mrc")
    write_ccp4(tmp_path / "b.mrc", blob((5, 7, 9)), SQUARE, (100, 40, 60), origin=(100.0, 40.0, 60.0))
    np.testing.assert_allclose(read_map(tmp_path / "b.mrc").origin, [100, 40, 60])


# ---- sizes and modes


def test_bytes_of_imod_have_the_sign_that_it_says(tmp_path):
    values = np.arange(256).repeat(16).reshape(16, 16, 16)
    for flags, expected in ((0, values), (1, np.where(values > 127, values - 256, values))):
        words = {IMOD_STAMP: 1146047817, IMOD_FLAGS: flags}
        write_ccp4(tmp_path / "a.mrc", values.astype(np.uint8).view(np.int8), SQUARE, mode=0, words=words)
        np.testing.assert_array_equal(read_map(tmp_path / "a.mrc", values="file").values, expected)


@pytest.mark.parametrize("mode", [3, 4, 12, 101, -1])
def test_other_modes_are_refused(tmp_path, mode):
    write_ccp4(tmp_path / "a.mrc", blob((5, 7, 9)), SQUARE, words={4: mode})
    with pytest.raises(FeaturizationError, match=rf"'a\.mrc' has values of mode {mode}; 0, 1, 2, 6 are read"):
        read_map(tmp_path / "a.mrc")


@pytest.mark.parametrize("compressed", [False, True])
def test_more_nodes_than_the_file_holds_are_refused_before_memory_is_asked_for(tmp_path, compressed, monkeypatch):
    path = tmp_path / f"a.map{'.gz' if compressed else ''}"
    write_ccp4(path, blob((5, 7, 9)), SQUARE, words={1: 2000, 2: 2000, 3: 500})
    if compressed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    monkeypatch.delattr(gemmi, "read_ccp4_map")
    with pytest.raises(FeaturizationError, match=r"announces 2000 x 2000 x 500 nodes of 4 bytes and has [\d,]+ bytes"):
        read_map(path)


def test_maps_beyond_the_limit_of_memory_are_refused(tmp_path):
    path = tmp_path / "a.map"
    write_ccp4(path, blob((5, 7, 9)), SQUARE, words={1: 1000, 2: 1000, 3: 500})
    with path.open("r+b") as file:
        file.truncate(1024 + 4 * 500_000_000)  # of holes, which take no space
    with pytest.raises(
        FeaturizationError, match=r"'a\.map' of 1,000 x 1,000 x 500 nodes takes 7\.5 GiB of memory; at most 4"
    ):
        read_map(path)
