from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mlflow", reason="needs the extra [mlflow]")

from deepchem_density.curves.default_experiment import EXPERIMENT, ProjectExperiment

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["/bin/mlflow", "run", str(ROOT), "-P", "rep=gradient"], True),
        (["/lib/mlflow/__main__.py", "run", "-e", "compare", str(ROOT / "mlflow_projects" / "qm9")], True),
        (["/bin/mlflow", "run", "somewhere else"], False),
        (["/bin/mlflow", "ui", str(ROOT)], False),
        (["/bin/train.py", "run", str(ROOT)], False),
        ([], False),
    ],
)
def test_only_runs_of_this_packages_projects_are_meant(words, expected, monkeypatch):
    monkeypatch.setattr(sys, "argv", words)
    assert ProjectExperiment().in_context() == expected


def test_mlflow_run_asks_and_other_programs_are_not_disturbed(tmp_path):
    """With the entry point that an installed package has, in an environment without one for sure."""
    installed = tmp_path / "site" / "probe-0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: probe\nVersion: 0\n")
    line = next(line for line in (ROOT / "pyproject.toml").read_text().splitlines() if "ProjectExperiment" in line)
    (installed / "entry_points.txt").write_text("[mlflow.default_experiment_provider]\n" + line.replace('"', ""))
    script = (
        "import sys; words = sys.argv[1:]; sys.argv = words\n"
        "from mlflow.tracking import fluent, MlflowClient\n"
        "print(MlflowClient().get_experiment(fluent._get_experiment_id()).name)"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")} | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path / 'site'}",
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    for words, expected in ((["mlflow", "run", str(ROOT)], EXPERIMENT), (["mlflow", "run", str(tmp_path)], "Default")):
        command = [sys.executable, "-c", script, *words]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
        assert told.stdout.split() == [expected]
