"""Adding is cheap: a copy of the package gets a representation in one file and one line, and a setting in one field."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deepchem_density.curves.cells import cell_folder
from deepchem_density.curves.config import CurveConfig

ROOT = Path(__file__).parents[1]

REPRESENTATION = """
from deepchem_density import fields
from deepchem_density.voxels.representations.record import Representation

BLOB = Representation(
    name="blob",
    words="blobs",
    field=lambda subject: fields.AtomTypes(
        subject.atoms.positions, 0 * subject.atoms.numbers, 1, subject.recipe.blob_width
    ),
    settings=("blob_width",),
    color="#000000",
    unit="1/Å³",
    channels=lambda _: ("blob",),
    needs_density=lambda _: False,
)
RECORDS = (BLOB,)
"""
WHOLE = '    """Everything that says how a datapoint becomes numbers: what one recipe and a whole learning curve share."""\n'
FIELD = '    blob_width: float = setting(0.6, "width of a blob", unit="Å", above=0, search=(0.4, 0.6), since=1)\n'
QUICK = [
    *("--n-train", "40", "--n-valid", "5", "--n-test", "20", "--steps", "3"),
    *(
        "--voxel-width",
        "1.5",
        "--oversampling",
        "1",
        "--widths",
        "4,8",
        "--n-jobs",
        "1",
        "--workers",
        "1",
        "--no-track",
    ),
]
ONE_CELL = ["--fractions", "1.0", "--seeds", "0"]


@pytest.fixture(scope="module")
def extended(tmp_path_factory) -> Path:
    """A copy of package and scripts with a throw-away representation and a throw-away setting."""
    root = tmp_path_factory.mktemp("extended")
    for name in ("deepchem_density", "scripts", "mlflow_projects"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    voxels = root / "deepchem_density" / "voxels"
    (voxels / "representations" / "blob.py").write_text(REPRESENTATION)
    edit(voxels / "representations" / "__init__.py", '"occupancy")\n', '"occupancy", "blob")\n')
    edit(voxels / "settings.py", WHOLE, WHOLE + FIELD)
    return root


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))


def run(extended: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(extended)}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=extended,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def command(extended: Path, name: str, *arguments: str) -> str:
    return run(extended, "-m", "deepchem_density.cli", name, *arguments)


@pytest.fixture(scope="module")
def answers(extended) -> list[str]:
    """Lines that one process of the copy prints: of a featurizer, and names of cells."""
    code = (
        "from pathlib import Path\n"
        "import deepchem_density as d\n"
        "from deepchem_density.curves.cells import cell_folder\n"
        "from deepchem_density.curves.config import CurveConfig\n"
        "voxels = d.JointVoxel(('blob', 'occupancy'), box_width=8.0, blob_width=0.8).featurize(['C'])\n"
        "print(d.__file__, voxels.shape, round(float(voxels[..., 1].sum()) * 0.5**3, 3), sep='\\n')\n"
        "for settings in ({'rep': 'density'}, {'rep': 'blob'}, {'rep': 'blob', 'blob_width': 0.5}):\n"
        "    print(cell_folder(CurveConfig(**settings), Path('out'), 40, 0))\n"
    )
    return run(extended, "-c", code).splitlines()


def test_a_featurizer_makes_it(extended, answers):
    assert answers[:3] == [str(extended / "deepchem_density" / "__init__.py"), "(1, 16, 16, 16, 2)", "5.0"]


def test_what_was_stored_before_keeps_its_name_and_a_value_of_the_new_setting_has_one_of_its_own(answers):
    density, blob, narrow = answers[3:]
    assert density == str(cell_folder(CurveConfig(rep="density"), Path("out"), 40, 0))
    assert len({density, blob, narrow}) == 3


def test_help_knows_the_setting(extended):
    shown = " ".join(command(extended, "curve", "--help").split())
    assert "--blob-width x width of a blob, in Å (default: 0.6)" in shown


def test_a_curve_a_comparison_and_a_search_run(extended):
    out = str(extended / "runs")
    printed = command(extended, "curve", "--rep", "blob", "--blob-width", "0.5", "--out", out, *QUICK, *ONE_CELL)
    assert "blob (blob_width=0.5, voxel_width=1.5, oversampling=1), 40 molecules, seed 0" in printed
    command(extended, "compare", "--reps", "atom,blob", "--out", out, *QUICK, *ONE_CELL)
    (report,) = Path(out).glob("compare-*/report.md")
    assert "blob" in report.read_text()
    assert "blob_width = 0." in command(extended, "tune", "--rep", "blob", "--n-trials", "2", "--out", out, *QUICK)
