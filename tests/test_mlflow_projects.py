from __future__ import annotations

import re
from pathlib import Path

import deepchem_density

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
