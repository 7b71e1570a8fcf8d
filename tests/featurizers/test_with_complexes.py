"""The four featurizers on complexes: whatever a row looks like, whatever fails, and in DeepChem's loaders."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from complex_files import center, heavy_atoms, write_complex
from rdkit import Chem

from deepchem_density.errors import FeaturizationError
from deepchem_density.featurizers import AtomVoxel, DensityVoxel, GradientVoxel, OccupancyVoxel
from deepchem_density.featurizers.drop_failed import DropFailed
from deepchem_density.fields.maps import GriddedDensity
from deepchem_density.quiet import deepchem as dc
from deepchem_density.structures.readers import structure_from
from deepchem_density.structures.structure import Structure
from deepchem_density.voxels.datapoints import Complex
from deepchem_density.voxels.grid import VoxelGrid, voxelize

BOX = {"box_width": 24.0, "voxel_width": 1.0}
CLASSES = [AtomVoxel, DensityVoxel, GradientVoxel, OccupancyVoxel]
SMILES = {"1abc": "CCO", "2abc": "CC=O", "3abc": "c1ccccc1", "4abc": "CCN"}


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> list[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("complexes")
    return [write_complex(folder, code, smiles) for code, smiles in SMILES.items()]


def atom_counts(voxels: np.ndarray) -> np.ndarray:
    return voxels.astype(np.float64).sum(axis=(1, 2, 3, 4))


# ---- what a row may look like


@pytest.mark.parametrize("featurizer_class", CLASSES)
def test_rows_of_any_kind_give_the_same_voxels(featurizer_class, rows):
    featurizer = featurizer_class(**BOX)
    voxels = featurizer.featurize(rows)
    assert voxels.shape == (4, 24, 24, 24, featurizer.n_channels)
    assert voxels.dtype == np.float32
    assert all(row.any() for row in voxels)
    frame = pd.DataFrame(rows, columns=["ligand", "protein"])
    for same in (
        [(protein, ligand) for ligand, protein in rows],
        [list(row) for row in rows],
        np.array(rows),
        frame,
        frame[["protein", "ligand"]],
        (row for row in rows),
        [Complex(structure_from(ligand), structure_from(protein)) for ligand, protein in rows],
    ):
        np.testing.assert_array_equal(featurizer.featurize(same), voxels)
    np.testing.assert_array_equal(featurizer.featurize(tuple(rows[0])), voxels[:1])
    np.testing.assert_array_equal(featurizer.featurize(tuple(rows[0][::-1])), voxels[:1])


def test_a_column_of_molecules_stays_molecules():
    frame = pd.DataFrame({"smiles": ["C", "CC"]})
    np.testing.assert_array_equal(AtomVoxel(**BOX).featurize(frame), AtomVoxel(**BOX).featurize(["C", "CC"]))
    assert AtomVoxel(**BOX).featurize(("C", "CC")).shape[0] == 2


def test_workers_compute_the_same(rows):
    for mols in (rows, [(Chem.MolFromMolFile(ligand, removeHs=False), protein) for ligand, protein in rows]):
        alone = DensityVoxel(**BOX).featurize(mols)
        np.testing.assert_array_equal(DensityVoxel(**BOX, n_jobs=2).featurize(mols), alone)


def test_workers_see_the_same_files_in_whatever_folder(rows, monkeypatch):
    featurizer = OccupancyVoxel(**BOX, n_jobs=2)
    expected = OccupancyVoxel(**BOX).featurize(rows)
    for row, voxels in zip(rows, expected, strict=True):
        monkeypatch.chdir(Path(row[0]).parent)
        names = [tuple(Path(file).name for file in row)] * 2
        np.testing.assert_array_equal(featurizer.featurize(names), [voxels, voxels])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_hydrogens_are_added_to_molecules_in_every_process(n_jobs, rows):
    bare = [Chem.MolFromMolFile(ligand) for ligand, _ in rows]
    featurizer = AtomVoxel(**BOX, sigma=1.0, hydrogens="add", n_jobs=n_jobs)
    counts = atom_counts(featurizer.featurize(bare))
    np.testing.assert_allclose(counts, [Chem.AddHs(mol).GetNumAtoms() for mol in bare], rtol=1e-3)
    assert featurizer.failures_ == []


def test_a_pair_of_structures_is_one_complex(rows):
    ligand, protein = Chem.MolFromMolFile(rows[0][0], removeHs=False), Chem.MolFromPDBFile(rows[0][1], removeHs=False)
    expected = AtomVoxel(**BOX).featurize([rows[0]])
    np.testing.assert_allclose(AtomVoxel(**BOX).featurize((ligand, protein)), expected, atol=1e-5)
    structures = structure_from(rows[0][0]), structure_from(rows[0][1])
    np.testing.assert_array_equal(AtomVoxel(**BOX).featurize(structures), expected)


# ---- which atoms, where


def test_the_box_is_centred_on_the_ligand(rows):
    ligand, protein = rows[0]
    whole = Structure(
        np.concatenate([structure_from(ligand).numbers, structure_from(protein).numbers]),
        np.concatenate([structure_from(ligand).positions, structure_from(protein).positions]),
    )
    featurizer = OccupancyVoxel(**BOX)
    expected = voxelize(featurizer.recipe.field(whole), VoxelGrid(center(ligand), 24.0, 1.0)).numpy()
    np.testing.assert_array_equal(featurizer.featurize([rows[0]])[0], expected)


def test_parts_add_up_to_the_whole(rows):
    voxels = {
        part: DensityVoxel(**BOX, part=part).featurize(rows) for part in ("complex", "ligand", "protein", "separate")
    }
    assert voxels["separate"].shape[-1] == 2
    np.testing.assert_array_equal(voxels["separate"][..., :1], voxels["ligand"])
    np.testing.assert_array_equal(voxels["separate"][..., 1:], voxels["protein"])
    # each part leaves out up to five tails below 1e-5 e/Å³ an atom
    np.testing.assert_allclose(voxels["ligand"] + voxels["protein"], voxels["complex"], atol=1e-4)


def test_channels_of_separate_parts_are_named():
    featurizer = AtomVoxel(**BOX, part="separate", elements=("C", "O"), other=True)
    assert featurizer.n_channels == 6
    assert featurizer.recipe.channels[0] == "ligand C"
    assert featurizer.recipe.channels[-1] == "protein other"


def test_atoms_of_each_part_land_in_their_own_channels(rows):
    featurizer = AtomVoxel(
        box_width=36.0,
        voxel_width=1.0,
        sigma=1.0,
        part="separate",
        hydrogens="drop",
        elements=("C", "N", "O"),
        other=False,
    )
    sums = featurizer.featurize(rows).astype(float).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(sums[:, :3].sum(axis=1), [heavy_atoms(smiles) for smiles in SMILES.values()], rtol=1e-3)
    np.testing.assert_allclose(sums[:, 3:], np.tile([5, 2, 4], (4, 1)), rtol=1e-3)  # glycine and serine


@pytest.mark.parametrize("part", ["protein", "separate"])
def test_a_molecule_alone_has_no_protein_to_look_at(part):
    with pytest.raises(FeaturizationError, match=f"without a protein, which part='{part}' needs"):
        AtomVoxel(**BOX, part=part).featurize(["CCO"])


def test_far_atoms_change_nothing(rows):
    ligand, protein = map(structure_from, rows[0])
    far = Structure(np.append(protein.numbers, 26), np.vstack([protein.positions, [60.0, 0, 0]]))
    for featurizer_class in CLASSES[1:]:
        voxels = featurizer_class(**BOX).featurize([Complex(ligand, protein), Complex(ligand, far)])
        np.testing.assert_array_equal(voxels[0], voxels[1])


def test_a_ligand_that_does_not_fit_is_refused(rows):
    featurizer = AtomVoxel(box_width=3.0, voxel_width=1.0)
    with pytest.raises(FeaturizationError, match=r"3abc_ligand.sdf. does not fit the box"):
        featurizer.featurize(rows[2:3])


# ---- where densities come from


def test_complexes_are_independent_atoms_and_molecules_are_solved(rows):
    ligand = rows[0][0]
    auto, xtb, atoms = (DensityVoxel(**BOX, source=source) for source in ("auto", "xtb", "independent_atoms"))
    np.testing.assert_array_equal(auto.featurize([ligand]), xtb.featurize([ligand]))
    np.testing.assert_array_equal(auto.featurize(rows), atoms.featurize(rows))
    assert abs(auto.featurize([ligand]) - atoms.featurize([ligand])).max() > 0.1


def test_electrons_of_independent_atoms_and_of_valence(rows):
    ligand = rows[0][0]  # ethanol: 26 electrons, 20 of them valence
    fine = {"box_width": 16.0, "voxel_width": 0.4, "oversampling": 2}
    counts = [
        float(DensityVoxel(**fine, source=source).featurize([ligand]).sum(dtype=np.float64)) * 0.4**3
        for source in ("independent_atoms", "xtb")
    ]
    np.testing.assert_allclose(counts, [26, 20], rtol=2e-3)


def test_xtb_solves_the_ligand_within_the_complex(rows):
    within = DensityVoxel(**BOX, part="ligand", source="xtb").featurize(rows[:1])
    np.testing.assert_allclose(within, DensityVoxel(**BOX).featurize([rows[0][0]]), atol=1e-5)


def test_xtb_refuses_more_atoms_than_allowed(rows):
    with pytest.raises(FeaturizationError, match=r"more than max_atoms=5.*source='independent_atoms'"):
        DensityVoxel(**BOX, source="xtb", max_atoms=5).featurize([rows[0][0]])


def test_settings_of_independent_atoms_arrive(rows):
    plain = DensityVoxel(**BOX).featurize(rows[:1])
    for changed in ({"b_iso": 60.0}, {"blur": 30.0}, {"d_min": 3.0}):
        smooth = DensityVoxel(**BOX, **changed).featurize(rows[:1])
        assert smooth.max() < 0.8 * plain.max()


def test_the_surface_in_a_map_is_one_sigma_unless_told_otherwise():
    x = np.sqrt(2) * np.cos(2 * np.pi * np.arange(40) / 40)
    wave = GriddedDensity(np.broadcast_to(x[:, None, None], (40, 40, 40)), np.zeros(3), 0.5 * np.eye(3), periodic=True)
    ligand = Structure([6, 1], [[10.0, 10, 10], [10, 10, 11]])
    parts = [
        OccupancyVoxel(20.0, 0.5, shape="density", **settings).featurize([(ligand, wave)]).mean()
        for settings in ({}, {"threshold": 1.0}, {"threshold": 0.0135}, {"map_values": "file"})
    ]
    assert parts[0] == parts[1] == pytest.approx(1 / 4, abs=0.03)  # √2 cos x is above 1 in a quarter of its period
    assert parts[2] == parts[3] == pytest.approx(1 / 2, abs=0.03)


def test_a_map_cannot_be_taken_apart():
    with pytest.raises(ValueError, match="part='complex'"):
        DensityVoxel(**BOX, source="map", part="ligand").featurize(["C"])


def test_a_map_that_is_not_there(rows):
    with pytest.raises(FeaturizationError, match="comes without a map"):
        DensityVoxel(**BOX, source="map").featurize(rows)


def test_quantities_are_not_mixed(rows):
    for mixed in ([rows[0], rows[1][0]], ["CCO", rows[0]]):
        with pytest.raises(
            ValueError, match=r"source='auto' would take .* which are different quantities; pass source="
        ):
            GradientVoxel(**BOX).featurize(mixed)
    assert len(DensityVoxel(**BOX, source="independent_atoms").featurize([rows[0], rows[1][0]])) == 2
    assert len(AtomVoxel(**BOX).featurize([rows[0], rows[1][0]])) == 2


def test_the_charge_is_that_of_the_file_and_a_number_wins_with_a_warning(tmp_path):
    row = write_complex(tmp_path, "5abc", "CC(=O)[O-]", "GG")
    for settings, electrons in (({}, 24), ({"charge": "formal"}, 24)):
        voxels = DensityVoxel(12.0, 0.4, source="xtb", part="ligand", **settings).featurize([row])
        assert float(voxels.sum(dtype=np.float64)) * 0.4**3 == pytest.approx(electrons, abs=0.3)
    with pytest.warns(UserWarning, match="charge=1 arrived"):
        voxels = DensityVoxel(12.0, 0.4, source="xtb", part="ligand", charge=1).featurize([row])
    assert float(voxels.sum(dtype=np.float64)) * 0.4**3 == pytest.approx(22, abs=0.3)


def test_the_ligand_is_not_counted_twice(rows, tmp_path):
    ligand, protein = rows[0]
    both = Chem.CombineMols(Chem.MolFromPDBFile(protein, removeHs=False), Chem.MolFromMolFile(ligand, removeHs=False))
    Chem.MolToPDBFile(both, str(tmp_path / "both.pdb"))
    for part in ("complex", "protein", "separate"):
        with pytest.raises(FeaturizationError, match="take the ligand out of it"):
            AtomVoxel(**BOX, part=part).featurize([(ligand, str(tmp_path / "both.pdb"))])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"b_iso": -1.0}, "b_iso=-1.0 arrived"),
        ({"b_iso": "20"}, "b_iso='20' arrived"),
        ({"d_min": 0.0}, "d_min=0.0 arrived"),
        ({"blur": float("nan")}, "blur=nan arrived"),
        ({"max_atoms": None}, "max_atoms=None arrived"),
        ({"pocket_radius": 0.0}, "pocket_radius=0.0 arrived"),
        ({"center": (float("nan"), 0.0, 0.0)}, "center="),
        ({"waters": "False"}, "waters='False' arrived"),
        ({"map_pattern": "all.ccp4"}, "map_pattern='all.ccp4' arrived"),
    ],
)
def test_settings_are_refused_before_anything_is_read(changed, message):
    with pytest.raises(ValueError, match=message):
        DensityVoxel(**changed).featurize([("nowhere.sdf", "nowhere.pdb")])


# ---- what fails


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_failed_rows_are_nan_and_never_zero(dtype, n_jobs, rows, caplog):
    broken = [(rows[0][0], "nowhere.pdb"), rows[1], ("C(C", rows[2][1]), rows[3]]
    featurizer = AtomVoxel(**BOX, dtype=dtype, n_jobs=n_jobs)
    with caplog.at_level(logging.WARNING):
        voxels = featurizer.featurize(broken)
    assert voxels.dtype == dtype
    assert voxels.shape == (4, 24, 24, 24, 11)
    assert np.isnan(voxels[[0, 2]]).all()
    np.testing.assert_array_equal(voxels[[1, 3]], AtomVoxel(**BOX, dtype=dtype).featurize(rows)[[1, 3]])
    assert [failure.index for failure in featurizer.failures_] == [0, 2]
    assert "1abc_ligand.sdf" in featurizer.failures_[0].id
    assert "nowhere.pdb" in featurizer.failures_[0].reason
    assert "could not featurize 2 of 4" in caplog.text
    assert len(caplog.records) == 1


def test_failed_rows_of_bytes_are_marked(rows):
    voxels = OccupancyVoxel(**BOX, dtype="uint8").featurize([rows[0], (rows[1][0], "nowhere.pdb")])
    assert voxels[0].max() == 1
    assert (voxels[1] == 255).all()


def test_all_rows_failing_is_an_error_with_the_first_reason(rows):
    with pytest.raises(FeaturizationError, match=r"any of 2 datapoints.*nowhere\.pdb"):
        AtomVoxel(**BOX).featurize([(row[0], "nowhere.pdb") for row in rows[:2]])


# ---- DeepChem's loaders


def test_csv_loader_with_two_columns(rows, tmp_path):
    path = tmp_path / "complexes.csv"
    frame = pd.DataFrame(rows, columns=["ligand", "protein"])
    frame.loc[2, "protein"] = "nowhere.pdb"
    frame.assign(pk=[5.0, 6.0, 7.0, 8.0]).to_csv(path, index=False)
    loader = dc.data.CSVLoader(
        ["pk"], feature_field=["ligand", "protein"], featurizer=AtomVoxel(**BOX), id_field="ligand"
    )
    dataset = DropFailed().transform(loader.create_dataset(str(path)))
    np.testing.assert_array_equal(dataset.y[:, 0], [5.0, 6.0, 8.0])
    np.testing.assert_array_equal(dataset.X, AtomVoxel(**BOX).featurize([rows[i] for i in (0, 1, 3)]))


@pytest.mark.parametrize("pocket", [True, False])
@pytest.mark.parametrize("set_name", ["core", "refined", "general"])
def test_load_pdbbind(set_name, pocket, tmp_path):
    folders = {
        "core": "pdbbind_v2013_core_set",
        "refined": "pdbbind_v2019_refined",
        "general": "pdbbind_v2019_other_PL",
    }
    inner = {"core": "v2013-core", "refined": "refined-set", "general": "v2019-other-PL"}[set_name]
    (tmp_path / folders[set_name]).mkdir()  # what is there is not fetched
    data = tmp_path / inner
    for code, smiles in SMILES.items():
        ligand, pocket_file = map(Path, write_complex(data, code, smiles))
        if not pocket:
            pocket_file.rename(pocket_file.with_name(f"{code}_protein.pdb"))
        if code == "2abc":
            ligand.write_text("no molecule\n")
    labels = {code: 5.0 + i for i, code in enumerate(SMILES)}
    write_pdbbind_index(data, set_name, labels)
    tasks, (dataset,), _ = dc.molnet.load_pdbbind(
        featurizer=AtomVoxel(**BOX),
        splitter=None,
        transformers=[dc.molnet.load_function.molnet_loader.TransformerGenerator(DropFailed)],
        pocket=pocket,
        set_name=set_name,
        reload=False,
        data_dir=str(tmp_path),
        save_dir=str(tmp_path / "saved"),
    )
    assert len(tasks) == 1
    assert list(dataset.ids) == ["1abc", "3abc", "4abc"]
    np.testing.assert_allclose(np.ravel(dataset.y), [5.0, 7.0, 8.0])
    assert dataset.X.dtype == np.float32
    assert np.isfinite(dataset.X).all()


def write_pdbbind_index(data: Path, set_name: str, labels: dict[str, float]) -> None:
    if set_name == "core":
        with (data / "pdbbind_v2013_core.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("pdb_id", "label"), *labels.items()])
        return
    name = {"refined": "INDEX_refined_data.2019", "general": "INDEX_general_PL_data.2019"}[set_name]
    (data / "index").mkdir()
    lines = [f"{code}  2.00  2010  {label:.2f}  Ki=1uM  // ref (LIG)" for code, label in labels.items()]
    (data / "index" / name).write_text("# comment\n" + "\n".join(lines) + "\n")


def test_the_docker_hands_over_protein_and_ligand(rows):
    class Poses(dc.dock.PoseGenerator):
        def generate_poses(self, molecular_complex, **settings):
            return [molecular_complex]

    class Score(dc.models.Model):
        def __init__(self):
            self.shape = None

        def predict(self, dataset):
            self.shape = dataset.X.shape
            return np.ones(len(dataset))

    score = Score()
    docker = dc.dock.Docker(Poses(), featurizer=AtomVoxel(**BOX), scoring_model=score)
    ligand, protein = rows[0]
    ((pose, value),) = list(docker.dock((protein, ligand)))
    assert (pose, value) == ((protein, ligand), 1)
    assert score.shape == (1, 24, 24, 24, 11)
