from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import deepchem_density
from deepchem_density.cli.command_line import parser

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


PROJECTS = [ROOT, *sorted(path.parent for path in (ROOT / "mlflow_projects").glob("*/MLproject"))]


def command_of(project, entry, **values):
    """Return the words of the command that MLflow itself makes of an entry point and parameters."""
    spec = pytest.importorskip("mlflow.projects._project_spec", reason="needs the extra [mlflow]")
    text = spec.load_project(str(project)).get_entry_point(entry).compute_command(values, None)
    words = shlex.split(text)
    assert words[:3] == ["python", "-m", "deepchem_density.cli"]
    return words[3:]


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_any_setting_of_a_command_can_be_passed_through_mlflow(project):
    spec = pytest.importorskip("mlflow.projects._project_spec", reason="needs the extra [mlflow]")
    for entry in spec.load_project(str(project))._entry_points:
        if entry in ("predict", "featurize"):
            continue
        values = {"voxel_width": "1.2", "out": "my runs", "targets": "mu,logp (Crippen)", "batch_size": "7"}
        options = parser().parse_args(command_of(project, entry, **values))
        assert (options.voxel_width, options.out, options.batch_size) == (1.2, "my runs", 7)
        assert options.targets == ("mu", "logp (Crippen)")


def test_parameters_without_a_value_are_not_logged_and_those_of_predict_may_follow_its_input():
    of_main = ["curve", "--steps=400", "--baseline=composition", "--voxel-width=0.5"]
    assert command_of(ROOT, "main", rep="gradient") == [*of_main, "--rep", "gradient"]
    options = parser().parse_args(command_of(ROOT, "predict", model="a model", input="in.smi", out="my out.csv"))
    assert (options.model, options.input, options.out) == (["a model"], "in.smi", "my out.csv")


def test_what_is_solved_once_can_be_said_through_mlflow():
    options = parser().parse_args(command_of(ROOT, "featurize", data="my data", voxel_width="1.2", out="my out"))
    assert (options.what, options.voxel_width, options.out) == ("my data", 1.2, "my out")


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
        "baseline": "none",
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
