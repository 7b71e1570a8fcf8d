from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from deepchem_density.curves.cells import cell_folder
from deepchem_density.curves.config import COMPLEX_DEFAULTS, CurveConfig, defaults_of_data, digest, short_labels


def test_molecules_of_ones_own_have_channels_for_all_elements():
    qm9, own, complexes = (defaults_of_data(dataset) for dataset in ("qm9", "sdf", "pdbbind"))
    assert (qm9, complexes) == ({}, COMPLEX_DEFAULTS)
    elements = ("H", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I")
    assert own == {"n_valid": None, "n_test": 0, "elements": elements, "other": True}
    config = CurveConfig(**own, rep="atom", dataset="sdf", data_dir="x")
    config.check()
    assert (config.label, config.recipe.n_channels, CurveConfig(rep="atom").recipe.n_channels) == ("atom", 11, 5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rep": "orbital"}, "rep='orbital' arrived; 'atom', 'density', 'gradient', 'occupancy', or"),
        (
            {"rep": "density+density"},
            r"^rep='density\+density' arrived; 'atom', 'density', 'gradient', 'occupancy', or",
        ),
        ({"rep": ""}, "^rep='' arrived; 'atom', 'density', 'gradient', 'occupancy', or"),
        ({"dataset": "qm7"}, "dataset='qm7'.*'sample', 'qm9', 'sdf'"),
        ({"dataset": "sdf"}, "data_dir"),
        ({"targets": ()}, "targets"),
        ({"fractions": (0.5, 1.5)}, "fractions"),
        ({"fractions": ()}, "fractions"),
        ({"seeds": (1, 1)}, "seeds"),
        ({"steps": 0}, "steps=0, epochs=0 arrived; one of them above 0"),
        ({"epochs": 3}, "steps=240, epochs=3 arrived"),
        ({"min_steps": 3}, "min_steps"),
        ({"patience": 3, "n_valid": 0}, "patience=3, n_valid=0 arrived; with patience above 0 a validation set is"),
        ({"steps": 0, "epochs": 1, "min_steps": -1}, "min_steps"),
        ({"remove_composition": True, "hydrogens": "drop"}, "hydrogens"),
        ({"baseline": "xtb", "hydrogens": "add"}, "hydrogens='add' arrived; with baseline=xtb, which counts hydrogens"),
        (
            {"baseline": "xtb", "remove_composition": True},
            "remove_composition=True, baseline='xtb' arrived; one of them is",
        ),
        ({"baseline": "xtb", "dataset": "complexes", "data_dir": "x"}, "baseline='xtb' arrived; for complexes"),
        ({"baseline": "counts"}, "baseline='counts' arrived; 'none', 'composition', 'xtb' are accepted"),
        ({"box_width": 14.5}, "box_width=14.5"),
        ({"dataset": "complexes"}, "data_dir.*dataset=complexes"),
        ({"split": "butina"}, "split='butina'.*'random', 'scaffold', 'group'"),
        ({"split": "cluster"}, "split='cluster' arrived; for molecules 'random', 'scaffold' and 'lists' are accepted"),
        (
            {"split": "scaffold", "dataset": "complexes", "data_dir": "x"},
            "split='scaffold' arrived; for complexes all others",
        ),
        (
            {"task": "classification", "remove_composition": True},
            "task='classification', remove_composition=True, baseline='none' arrived",
        ),
        ({"dataset": "pdbbind", "data_dir": "x", "split": "group"}, "split_by=''.*split=group"),
        ({"part": "water"}, "part='water'"),
        ({"source": "dft"}, "source='dft'"),
        ({"hydrogens": "some"}, "hydrogens='some'"),
    ],
)
def test_what_cannot_run_is_refused_with_the_setting_named(changed, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CurveConfig(), **changed).check()


def test_the_composition_has_two_names_and_is_the_same_cell():
    config, named = CurveConfig(remove_composition=True), CurveConfig(baseline="composition")
    assert config.removed == named.removed == "composition"
    assert config.label == named.label == "density (remove_composition=True)"
    for one in (dataclasses.replace(config, remove_composition=False), dataclasses.replace(named, baseline="none")):
        assert one.removed == "none"
    assert cell_folder(config, Path("out"), 40, 1) == cell_folder(named, Path("out"), 40, 1)
    folders = {cell_folder(CurveConfig(baseline=one), Path("out"), 40, 1) for one in ("none", "composition", "xtb")}
    assert len(folders) == 3
    assert CurveConfig(baseline="xtb").label == "density (baseline=xtb)"


def test_what_is_special_about_a_representation_is_in_its_label():
    assert CurveConfig(rep="density").label == "density"
    assert CurveConfig(rep="density", transform="sqrt").label == "density (transform=sqrt)"
    assert CurveConfig(rep="atom", transform="sqrt").label == "atom"
    assert CurveConfig(rep="density").study == CurveConfig(rep="atom").study
    assert CurveConfig(rep="density").study != CurveConfig(rep="density", steps=77).study


def test_what_is_special_about_all_curves_is_not_in_their_short_labels():
    wide = {"voxel_width": 1.2, "hydrogens": "drop"}
    configs = [CurveConfig(rep="atom", **wide), CurveConfig(rep="density", transform="sqrt", **wide)]
    assert short_labels(configs) == ["atom", "density (transform=sqrt)"]
    assert short_labels([configs[0], CurveConfig(rep="density")]) == [configs[0].label, "density"]
    assert short_labels(configs[:1]) == ["atom"]


def test_defaults_for_complexes_are_not_special():
    config = CurveConfig(**COMPLEX_DEFAULTS, rep="density", dataset="pdbbind", data_dir="x")
    config.check()
    assert config.label == "density"
    assert dataclasses.replace(config, part="ligand").label == "density (part=ligand)"


def test_tables_show_what_is_usual_for_the_data():
    assert CurveConfig().metrics == ("mae",)
    assert CurveConfig(dataset="pdbbind").metrics[0] == "rmse"


def test_curves_of_one_study_share_data_and_training_but_not_voxels():
    config = CurveConfig()
    for same in ({"rep": "atom"}, {"voxel_width": 1.2}, {"transform": "log"}, {"fractions": (0.5,)}, {"seeds": (7,)}):
        assert dataclasses.replace(config, **same).study == config.study
    for other in (
        {"n_test": 5},
        {"split": "group"},
        {"split_by": "pdb"},
        {"steps": 9},
        {"widths": (8,)},
        {"split_seed": 1},
    ):
        assert dataclasses.replace(config, **other).study != config.study


def test_a_digest_does_not_depend_on_the_order_of_names():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 2, "b": 1})


@pytest.mark.parametrize(
    ("settings", "n_train", "expected"),
    [
        ({"steps": 7}, 1000, 7),
        ({"steps": 0, "epochs": 2}, 1000, 64),
        ({"steps": 0, "epochs": 2, "min_steps": 50}, 1000, 64),
        ({"steps": 0, "epochs": 2, "min_steps": 50}, 100, 50),
    ],
)
def test_the_length_of_training(settings, n_train, expected):
    assert CurveConfig(**settings).steps_for(n_train) == expected


@pytest.mark.parametrize(
    ("rep", "changed", "named"),
    [
        ("atom", {"transform": "log"}, "transform='log' arrived for rep='atom', to which it means nothing"),
        ("occupancy", {"sigma": 0.6}, "sigma=0.6 arrived for rep='occupancy'.*take rep=atom"),
        (
            "density+gradient",
            {"shape": "density"},
            "shape='density' arrived for rep='density.gradient'.*take rep=occupancy",
        ),
        ("density", {"other": True}, "other=True arrived for rep='density', to which it means nothing.*take rep=atom"),
    ],
)
def test_settings_of_other_representations_are_refused_by_name(rep, changed, named):
    with pytest.raises(ValueError, match=named):
        CurveConfig(rep=rep, **changed).check()


def test_atom_types_have_a_solver_with_a_line_in_its_numbers():
    CurveConfig(rep="atom", engine="tblite", baseline="xtb").check()
    with pytest.raises(ValueError, match="engine='tblite' arrived for rep='atom', to which it means nothing"):
        CurveConfig(rep="atom", engine="tblite", baseline="composition").check()


def test_defaults_of_complexes_mean_nothing_to_some_and_are_accepted():
    CurveConfig(**COMPLEX_DEFAULTS, rep="density", dataset="complexes", data_dir="x.csv").check()
    CurveConfig(rep="density+atom", transform="log", sigma=0.6).check()


def test_several_representations_have_one_label_with_the_settings_of_all():
    for names in ("occupancy+density", "density+occupancy"):
        config = CurveConfig(rep=names, transform="sqrt", shape="density", source="independent_atoms", sigma=0.5)
        config.check()
        assert config.label == "density+occupancy (transform=sqrt, source=independent_atoms, shape=density)"
    assert CurveConfig(rep="occupancy+density") == CurveConfig(rep="density+occupancy")


def test_the_docstring_says_what_every_setting_is():
    documented = CurveConfig.__doc__ or ""
    for field in dataclasses.fields(CurveConfig):
        about = field.metadata["setting"]
        assert f"\n    {field.name} : " in documented
        assert about.help[1:] in documented
