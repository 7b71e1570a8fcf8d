from __future__ import annotations

import dataclasses
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import deepchem_density
from deepchem_density.curves.config import CurveConfig

ROOT = Path(__file__).parents[1]


def pins(text):
    return dict(re.findall(r"^(?:  - )?([A-Za-z0-9-]+)(?:\[[a-z,]+\])?==([^\s;]+)", text, re.MULTILINE))


def test_the_isolated_environment_has_the_versions_that_tests_run_with():
    tested = pins((ROOT / "constraints.txt").read_text())
    isolated = pins((ROOT / "mlflow_projects" / "isolated" / "python_env.yaml").read_text())
    assert isolated.pop("deepchem-density") == deepchem_density.__version__
    assert len(isolated) > 10
    assert isolated == {name: tested[name] for name in isolated}


def test_every_project_is_described():
    described = (ROOT / "mlflow_projects" / "README.md").read_text()
    for project in (ROOT / "mlflow_projects").glob("*/MLproject"):
        assert f"| `{project.parent.name}` |" in described


def test_the_projects_are_what_the_script_writes_from_the_settings():
    written = runpy.run_path(str(ROOT / "scripts" / "write_mlprojects.py"))["contents"]()
    assert len(written) == 4
    for path, text in written.items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, (
            f"run scripts/write_mlprojects.py: {path} is not current"
        )


def parameters_of(project, entry):
    """Return the names of the parameters of an entry point."""
    text = (ROOT / project).read_text(encoding="utf-8").partition(f"\n  {entry}:\n")[2].partition("    command:")[0]
    return set(re.findall(r"^ {6}(\w+):", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("project", "entry", "without"),
    [
        ("MLproject", "main", set()),
        ("MLproject", "compare", {"rep"}),
        ("MLproject", "tune", {"fractions", "seeds"}),
        ("mlflow_projects/qm9/MLproject", "main", {"dataset"}),
        ("mlflow_projects/qm9/MLproject", "compare", {"dataset", "rep"}),
        ("mlflow_projects/qm9/MLproject", "tune", {"dataset", "fractions", "seeds"}),
        ("mlflow_projects/pdbbind/MLproject", "main", {"dataset"}),
        ("mlflow_projects/pdbbind/MLproject", "compare", {"dataset", "rep"}),
        ("mlflow_projects/isolated/MLproject", "main", {"rep"}),
    ],
)
def test_every_setting_of_a_curve_can_be_passed_through_mlflow(project, entry, without):
    settings = {field.name for field in dataclasses.fields(CurveConfig)}
    assert parameters_of(project, entry) & settings == settings - without


def test_the_script_writes_the_files_where_they_are(tmp_path):
    for name in ("scripts", "mlflow_projects"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    projects = [
        Path("MLproject"),
        *(path.relative_to(tmp_path) for path in tmp_path.glob("mlflow_projects/*/MLproject")),
    ]
    for path in projects:
        (tmp_path / path).write_text("")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, str(tmp_path / "scripts" / "write_mlprojects.py")], env=environment, check=True)
    for path in projects:
        assert (tmp_path / path).read_text(encoding="utf-8") == (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.slow
def test_mlflow_runs_the_project_with_settings_of_the_user(tmp_path):
    pytest.importorskip("mlflow", reason="needs the extra [mlflow]")
    values = {
        **{"rep": "occupancy+atom", "n_train": 40, "n_valid": 5, "n_test": 20, "fractions": "1.0", "seeds": "0"},
        **{"steps": 2, "voxel_width": 1.5, "oversampling": 1, "widths": "4,8", "sigma": 0.6, "n_jobs": 1, "workers": 1},
        "out": str(tmp_path / "my runs"),
    }
    given = [part for name, value in values.items() for part in ("-P", f"{name}={value}")]
    # not what MLflow itself left there for the last experiment of this process
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment = inherited | {
        **{"PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"},
        **{
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
    }
    command = [sys.executable, "-m", "mlflow", "run", str(ROOT), "--env-manager", "local", *given]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    (cell,) = (tmp_path / "my runs").glob("cells/*/*/result.json")
    assert cell.parent.name.startswith("atom+occupancy-40-0-")
    assert "atom+occupancy (sigma=0.6, voxel_width=1.5, oversampling=1), 40 molecules, seed 0" in done.stdout
