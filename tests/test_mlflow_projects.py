from __future__ import annotations

import dataclasses
import re
import runpy
from pathlib import Path

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


def test_every_setting_of_a_curve_can_be_passed_through_mlflow():
    main = (ROOT / "MLproject").read_text().partition("  main:")[2].partition("    command:")[0]
    passed = re.findall(r"^ {6}(\w+):", main, re.MULTILINE)
    assert {field.name for field in dataclasses.fields(CurveConfig)} <= set(passed)
