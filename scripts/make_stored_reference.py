"""Make what tests/test_stored_by_earlier_releases.py checks: voxels, a cell, a model and names as release 0.1 stored them.

Run with the package as it was at commit 490ff6a, from the root of this repository:

    git worktree add ../before 490ff6a
    PYTHONPATH=../before python scripts/make_stored_reference.py
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import shutil
import tempfile
from pathlib import Path

import gemmi
import mlflow
import numpy as np
import torch
from deepchem_density.experiments.cells import cell_folder
from deepchem_density.experiments.curve_config import COMPLEX_DEFAULTS, CurveConfig
from deepchem_density.experiments.learning_curve import run_curve
from deepchem_density.experiments.molecule_inputs import read_inputs
from deepchem_density.experiments.prediction import Predictor
from deepchem_density.experiments.tracking import MlflowTracker
from deepchem_density.experiments.tuning_space import describe, space
from rdkit import Chem
from rdkit.Chem import AllChem

from deepchem_density import AtomVoxel, DensityVoxel, GradientVoxel, OccupancyVoxel, load_sample

OUT = Path("tests/data/stored")
FILES = OUT / "complexes"
MOLECULES = (3, 700, 1500)
SMALL = {"box_width": 16.0, "voxel_width": 2.0}
VOXELS = {
    "AtomVoxel": [
        SMALL,
        {**SMALL, "oversampling": 2, "rotation_seed": 3, "elements": ["C", "N"], "other": True, "sigma": 0.7},
    ],
    "DensityVoxel": [
        SMALL,
        {**SMALL, "oversampling": 2, "transform": "log", "center": "charge"},
        {**SMALL, "source": "independent_atoms", "b_iso": 20.0, "d_min": 2.0, "rotation_seed": 1},
        {**SMALL, "source": "independent_atoms", "b_iso": 30.0, "blur": 5.0, "dtype": "float16"},
        {**SMALL, "engine": "tblite", "method": "GFN1-xTB", "dtype": "float64"},
        {**SMALL, "engine": "tblite", "transform": "sqrt", "oversampling": 2, "rotation_seed": 3},
    ],
    "GradientVoxel": [{**SMALL, "oversampling": 2, "transform": "sqrt"}, {**SMALL, "rotation_seed": 5}],
    "OccupancyVoxel": [
        {**SMALL, "dtype": "uint8"},
        {**SMALL, "oversampling": 2, "shape": "density", "threshold": 0.05},
        {**SMALL, "center": "origin", "rotation_seed": 7, "oversampling": 3},
        {**SMALL, "center": [0.5, -0.25, 0.125], "dtype": "uint8", "shape": "density", "source": "independent_atoms"},
    ],
}
IONS = {**SMALL, "charge": "formal"}
OF_COMPLEXES = {
    "AtomVoxel": [
        {**SMALL, "elements": ["C", "N", "O"], "other": True, "part": "separate", "dtype": "float16"},
        {**SMALL, "elements": ["C", "O"], "other": True, "hydrogens": "drop", "waters": False, "ions": False},
        {**SMALL, "other": True, "hydrogens": "add", "part": "ligand", "center": "charge"},
    ],
    "DensityVoxel": [
        {**SMALL, "oversampling": 2, "rotation_seed": 3, "d_min": 2.5, "transform": "log"},
        {**IONS, "ionic": True, "part": "separate", "b_iso": 20.0, "blur": 10.0},
        {**IONS, "source": "xtb", "pocket_radius": 4.0, "waters": False},
    ],
    "GradientVoxel": [
        {**SMALL, "transform": "sqrt", "part": "protein", "waters": False},
        {**IONS, "source": "xtb", "engine": "tblite", "part": "separate", "waters": False, "ions": False},
    ],
    "OccupancyVoxel": [
        {**SMALL, "dtype": "uint8", "part": "separate"},
        {**SMALL, "shape": "density", "threshold": 0.1, "d_min": 2.0, "oversampling": 2},
    ],
}
"""Of both complexes, each the files of a ligand and of a protein."""
OF_MAPS = {
    "DensityVoxel": [SMALL, {**SMALL, "map_values": "file", "oversampling": 2, "rotation_seed": 3}],
    "GradientVoxel": [{**SMALL, "oversampling": 2}],
    "OccupancyVoxel": [{**SMALL, "shape": "density", "dtype": "uint8"}],
}
"""Of the first ligand, the first protein and a map."""
COMPLEXES = [("CC(=O)NCCO", "GSK"), ("C[NH2+]CCS", "DF")]
"""A ligand and a peptide; the second ligand has a charge in its file."""
CLASSES = {one.__name__: one for one in (AtomVoxel, DensityVoxel, GradientVoxel, OccupancyVoxel)}
CELLS = [
    {"rep": "density", "targets": ["gap", "mu"], "remove_composition": True, "dropout": 0.1},
    {"rep": "gradient", "targets": ["mu", "zpve"], "transform": "sqrt", "rotation_seed": 2, "remove_composition": True},
    {"rep": "atom", "targets": ["gap"]},
]
QUICK = {
    **{"n_train": 40, "n_valid": 10, "n_test": 20, "fractions": [1.0], "seeds": [0], "steps": 12},
    **{"box_width": 15.0, "voxel_width": 1.5, "oversampling": 1, "widths": [4, 8]},
}
SMILES = ["CCO", "C1CC1N", "CC(=O)C", "N#CC", "OCC=O"]
NAMED = [
    {},
    {"rep": "gradient", "transform": "log", "oversampling": 3, "rotation_seed": 1},
    {"rep": "atom", "elements": ["C", "O"], "other": True, "sigma": 0.6, "remove_composition": True},
    {"rep": "density", "d_min": 2.0, "source": "independent_atoms", "epochs": 4, "steps": 0, "n_bins": 4},
    {
        **COMPLEX_DEFAULTS,
        "rep": "occupancy",
        "dataset": "complexes",
        "data_dir": "/x.csv",
        "shape": "density",
        "threshold": 0.1,
    },
    {"rep": "occupancy"},
    *(
        {**COMPLEX_DEFAULTS, "rep": rep, "dataset": "pdbbind", "data_dir": "/set"}
        for rep in ("atom", "density", "gradient")
    ),
]


def config_of(settings: dict[str, object]) -> CurveConfig:
    """Return a configuration from what JSON holds."""
    return CurveConfig(**{name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()})


def voxels() -> None:
    """Store voxels of some molecules, complexes and a map, with the arguments that made them."""
    sample = load_sample()
    molecules = [sample.structure(i) for i in MOLECULES]
    complexes = [_write_complex(place, *pair) for place, pair in enumerate(COMPLEXES, 1)]
    maps = [(*complexes[0], _write_map(complexes[0]))]
    arrays, about = {}, {}
    for kind, datapoints, wanted in (
        ("molecules", molecules, VOXELS),
        ("complexes", complexes, OF_COMPLEXES),
        ("maps", maps, OF_MAPS),
    ):
        for name, many in wanted.items():
            for place, settings in enumerate(many):
                given = {key: tuple(v) if isinstance(v, list) else v for key, v in settings.items()}
                featurizer = CLASSES[name](**given)
                key = f"{name}-{place}" if kind == "molecules" else f"{name}-{kind}-{place}"
                arrays[key] = featurizer.featurize(datapoints)
                about[key] = {"class": name, "datapoints": kind, "settings": settings, "file_name": str(featurizer)}
                about[key] |= {"channels": featurizer.recipe.channels}
    np.savez_compressed(OUT / "voxels.npz", **arrays)
    files = {"complexes": complexes, "maps": maps}
    files = {kind: [[Path(file).name for file in row] for row in rows] for kind, rows in files.items()}
    text = json.dumps({"molecules": MOLECULES, **files, "voxels": about}, indent=1)
    (OUT / "voxels.json").write_text(text + "\n")


def _write_complex(place: int, smiles: str, sequence: str) -> tuple[str, str]:
    """Write files that hold what is read in many ways: B factors, charges, a water, an ion and two places of an atom."""
    FILES.mkdir(exist_ok=True)
    ligand, protein = FILES / f"{place}_ligand.sdf", FILES / f"{place}_protein.pdb"
    with Chem.SDWriter(str(ligand)) as writer:
        writer.write(_embedded(Chem.MolFromSmiles(smiles), 0.0))
    peptide = _embedded(Chem.MolFromSequence(sequence), 6.5)
    structure = gemmi.read_pdb_string(Chem.MolToPDBBlock(peptide))
    chain = structure[0][0]
    for number, (name, element) in enumerate((("HOH", "O"), ("ZN", "Zn")), 101):
        residue = gemmi.Residue()
        residue.name, residue.seqid, residue.het_flag = name, gemmi.SeqId(str(number)), "H"
        atom = gemmi.Atom()
        atom.name, atom.element = element.upper(), gemmi.Element(element)
        atom.pos = gemmi.Position(0.5, 5.0 if name == "HOH" else -5.5, 1.0)
        residue.add_atom(atom)
        chain.add_residue(residue)
    for number, site in enumerate(structure[0].all()):
        site.atom.b_iso = 12.0 + 3.0 * (number % 7)
    carbons = [site for site in structure[0].all() if site.atom.element == gemmi.Element("C")]
    near = min(carbons, key=lambda site: site.atom.pos.length())
    other = near.atom.clone()
    near.atom.altloc, near.atom.occ, other.altloc, other.occ = "A", 0.6, "B", 0.4
    other.pos = gemmi.Position(other.pos.x, other.pos.y + 0.8, other.pos.z)
    near.residue.add_atom(other)
    structure.write_pdb(str(protein))
    return str(ligand), str(protein)


def _embedded(mol: Chem.Mol, shift: float) -> Chem.Mol:
    """Return the molecule with hydrogens, and its mean position on the x axis."""
    full = Chem.AddHs(mol, addResidueInfo=mol.GetAtomWithIdx(0).GetPDBResidueInfo() is not None)
    assert AllChem.EmbedMolecule(full, randomSeed=1, useRandomCoords=True) == 0
    positions = full.GetConformer().GetPositions()
    full.GetConformer().SetPositions(positions - positions.mean(axis=0) + [shift, 0, 0])
    return full


def _write_map(pair: tuple[str, str]) -> str:
    """Write a CCP4 map of a cell that is neither right-angled nor of P 1, around the protein's atoms."""
    structure = gemmi.read_structure(pair[1])
    structure.cell, structure.spacegroup_hm = gemmi.UnitCell(24, 20, 22, 90, 104, 90), "P 1 21 1"
    calculator = gemmi.DensityCalculatorX()
    calculator.d_min, calculator.rate = 3.0, 1.0
    calculator.set_grid_cell_and_spacegroup(structure)
    calculator.put_model_density_on_grid(structure[0])
    found = gemmi.Ccp4Map()
    found.grid = calculator.grid
    found.update_ccp4_header()
    found.write_ccp4_map(str(FILES / "1.ccp4"))
    return str(FILES / "1.ccp4")


def constructors() -> None:
    """Store the arguments of the featurizers, in order, with their defaults."""
    found = {
        name: {argument: about.default for argument, about in inspect.signature(one).parameters.items()}
        for name, one in CLASSES.items()
    }
    text = json.dumps({"featurizers": found, "complexes": COMPLEX_DEFAULTS}, indent=1)
    (OUT / "defaults.json").write_text(text + "\n")


def cells_and_models() -> None:
    """Store finished cells, a logged model, and what they predict."""
    predictions = {}
    with tempfile.TemporaryDirectory() as scratch:
        inputs = Path(scratch, "in.smi")
        inputs.write_text("\n".join(SMILES) + "\n")
        mlflow.set_tracking_uri(f"sqlite:///{scratch}/mlflow.db")
        for settings in CELLS:
            config = config_of({**QUICK, **settings})
            (cell,) = run_curve(config, OUT)
            predictor = Predictor.from_folder(cell.model_dir)
            table = predictor.predict(read_inputs(inputs, predictor.about.recipe.reading))
            predictions[settings["rep"]] = {target: table[target].tolist() for target in config.targets}
        mlflow.create_experiment("deepchem_density", f"{scratch}/artifacts")
        tracker = MlflowTracker()
        with tracker.run([config]):
            tracker.model(cell, config)
        logged = mlflow.search_logged_models(output_format="list")[0]
        shutil.copytree(mlflow.artifacts.download_artifacts(logged.artifact_location), OUT / "logged_model")
    described = OUT / "logged_model" / "MLmodel"
    # MLflow notes where the folders were; nothing reads that
    text = re.sub(r"(?m)^( *(?:artifact_path|model_code_path): ).*/", r"\1", described.read_text())
    described.write_text(text)
    shutil.rmtree(OUT / "voxels")
    about = {"quick": QUICK, "cells": CELLS, "smiles": SMILES, "predictions": predictions}
    (OUT / "cells.json").write_text(json.dumps(about, indent=1) + "\n")


def names() -> None:
    """Store settings, and the names that follow from them."""
    found = []
    for settings in NAMED:
        config = config_of(settings)
        found.append(
            {
                "settings": settings,
                "all": json.loads(json.dumps(dataclasses.asdict(config))),
                **{"study": config.study, "label": config.label, "channels": config.recipe.channels},
                "cell": cell_folder(config, Path("out"), 40, 1, ["a", "b"], "content").as_posix(),
                "space": describe(space(config)) if config.pooling == "mean" and not config.epochs else None,
            }
        )
    (OUT / "names.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    voxels()
    constructors()
    cells_and_models()
    names()
