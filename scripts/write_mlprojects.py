"""Write the MLproject files: commands, and the parameters for which a project has a value of its own.

Any other setting of a command can be passed as well: MLflow adds a parameter that an entry point does not name to its command, as
an option of that name. So it logs what was given, and not some sixty parameters without a value. Run it after the projects
below were changed: ``python scripts/write_mlprojects.py``. A test compares the files with what it would write.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deepchem_density.cli.compare import CompareRun
from deepchem_density.cli.curve import CurveRun
from deepchem_density.cli.featurize import FeaturizeRun
from deepchem_density.cli.predict import PredictSettings
from deepchem_density.cli.tune import TuneRun
from deepchem_density.settings import settings_of

ROOT = Path(__file__).parents[1]

ACTIVE = """\
# Not Databricks: with this key, and with no other, MLflow builds no environment of its own but runs the commands in the one
# that is active, which is where the README installs this package. The documented way to say so is
# `mlflow run . --env-manager local`.
databricks_spark_job: {}
"""
OWN = """\
# An environment of its own with fixed versions, which MLflow builds on the first run (see README.md beside this folder).
python_env: python_env.yaml
"""
DEFAULTS = """\
# Written by scripts/write_mlprojects.py. Every option of a command is a parameter: -P voxel_width=0.5 is --voxel-width 0.5.
# `deepchem-density <command> --help` names and explains them all.
"""


@dataclass(frozen=True)
class EntryPoint:
    """A command with words that stand for themselves, settings that are fixed, and others with a default of the project."""

    command: str
    settings: type
    positional: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""

    def text(self, name: str) -> str:
        """Return the entry point as it stands in an MLproject file."""
        unknown = (set(self.defaults) | set(self.fixed)) - set(settings_of(self.settings))
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} arrived for {self.command}, which has no such setting.")
        names = [one for one in settings_of(self.settings) if one in self.defaults]
        lines = [f"  # {line}" for line in textwrap.wrap(self.comment, 118)]
        lines += [f"  {name}:", *(["    parameters:"] if names or self.positional else [])]
        lines += [f"      {one}: {{type: string}}" for one in self.positional]
        lines += [f'      {one}: {{type: string, default: "{self.defaults[one]}"}}' for one in names]
        words = [f"--{one.replace('_', '-')}={value}" for one, value in self.fixed.items()]
        words += [f"--{one.replace('_', '-')}={{{one}}}" for one in names]
        words += [f"{{{one}}}" for one in self.positional]
        command = f"python -m deepchem_density.cli {self.command} " + " ".join(words)
        wrapped = textwrap.wrap(command, 114, break_long_words=False, break_on_hyphens=False)
        return "\n".join([*lines, "    command: >-", *(f"      {line}" for line in wrapped)])


CURVE = EntryPoint("curve", CurveRun)
MAIN = EntryPoint(
    "curve",
    CurveRun,
    defaults={"steps": "400", "voxel_width": "0.5", "baseline": "composition"},
    comment="Voxels that tell elements apart, and what a line in the element counts leaves of the labels.",
)
COMPARE = EntryPoint("compare", CompareRun)
TUNE = EntryPoint("tune", TuneRun)
FEATURIZE = EntryPoint("featurize", FeaturizeRun, positional=("data",))
PREDICT = EntryPoint("predict", PredictSettings, positional=("model", "input"))


def _of(entry: EntryPoint, dataset: str, comment: str = "", **defaults: str) -> EntryPoint:
    """Return an entry point for one dataset, with defaults of its own."""
    fixed = {"dataset": dataset}
    values = {"out": "../../runs", **defaults}
    return EntryPoint(entry.command, entry.settings, entry.positional, fixed, values, comment)


COMPLEXES = {"fractions": "0.1,0.316,1.0", "seeds": "0,1,2", "steps": "2000"}
SIZES = {"n_train": "5000", "n_valid": "500", "n_test": "1000", "fractions": "1.0", "seeds": "0", "epochs": "20"}
STUDY = {
    "reps": "atom,density,gradient,occupancy:n_bins=0,density:source=independent_atoms",
    "targets": "mu,gap,u0_atom,homo,lumo,alpha",
    **{"n_train": "16010", "n_valid": "200", "n_test": "10010", "fractions": "0.00625,0.025,0.1,0.3125,1"},
    **{
        "seeds": "0,1,2",
        "epochs": "12",
        "min_steps": "600",
        "box_width": "12",
        "voxel_width": "0.75",
        "engine": "tblite",
    },
}
SEARCH = {
    "n_train": "16000",
    "n_valid": "500",
    "n_test": "10000",
    "fraction": "0.25",
    "n_trials": "20",
    "steps": "2000",
}

PROJECTS: dict[str, tuple[str, str, dict[str, EntryPoint]]] = {
    "MLproject": (
        "deepchem_density",
        ACTIVE,
        {"main": MAIN, "compare": COMPARE, "tune": TUNE, "featurize": FEATURIZE, "predict": PREDICT},
    ),
    "mlflow_projects/qm9/MLproject": (
        "deepchem_density_qm9",
        ACTIVE,
        {
            "main": _of(CURVE, "qm9", **SIZES, box_width="14.4", voxel_width="0.6", engine="tblite"),
            "compare": _of(
                COMPARE,
                "qm9",
                "The study of docs/results.md: some molecules in ten thousand are longer than the box and left out, hence "
                "the ten more.",
                **STUDY,
            ),
            "tune": _of(TUNE, "qm9", **SEARCH, engine="tblite"),
        },
    ),
    "mlflow_projects/pdbbind/MLproject": (
        "deepchem_density_pdbbind",
        ACTIVE,
        {"main": _of(CURVE, "pdbbind", **COMPLEXES), "compare": _of(COMPARE, "pdbbind", **COMPLEXES)},
    ),
    "mlflow_projects/isolated/MLproject": (
        "deepchem_density_isolated",
        OWN,
        {"main": EntryPoint("compare", CompareRun, defaults={"out": "../../runs"})},
    ),
}


def contents() -> dict[str, str]:
    """Return path -> content of every MLproject file."""
    return {
        path: f"name: {name}\n\n{environment}\n{DEFAULTS}entry_points:\n"
        + "\n".join(entry.text(one) for one, entry in entries.items())
        + "\n"
        for path, (name, environment, entries) in PROJECTS.items()
    }


if __name__ == "__main__":
    for path, text in contents().items():
        (ROOT / path).write_text(text, encoding="utf-8")
