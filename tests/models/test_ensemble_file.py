from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace

import pytest

from deepchem_density.models.calibration import Calibration, Coverage
from deepchem_density.models.ensemble_file import ENSEMBLE_FILE, EnsembleFile


@pytest.fixture
def written(tmp_path):
    members = []
    for name in "ab":
        (tmp_path / "runs" / "cells" / name).mkdir(parents=True)
        (tmp_path / "runs" / "cells" / name / "checkpoint1.pt").write_bytes(name.encode())
        members.append(tmp_path / "runs" / "cells" / name)
    calibrations = (Calibration(0.1, 0.9, (1.1, 2.3)), Calibration(1.0, 0.0, (0.5, math.nan)))
    coverages = ((Coverage("68", 13, 20), Coverage("95", 19, 20)), (Coverage("68", 14, 20),))
    about = EnsembleFile(tuple(members), ("gap", "logp (Crippen)"), calibrations, coverages, 50)
    return about, about.write(tmp_path / "runs" / "ensembles" / "one")


def test_what_is_written_is_read(written):
    about, path = written
    found = EnsembleFile.read(path)
    assert (found.targets, found.coverages, found.masks) == (about.targets, about.coverages, 50)
    assert found.calibrations[0] == about.calibrations[0]
    assert found.calibrations[1].factors[0] == 0.5
    assert math.isnan(found.calibrations[1].factors[1])
    assert [one.resolve() for one in found.members] == [one.resolve() for one in about.members]


def test_bounds_from_smiles_come_back_beside_the_others(written):
    about, path = written
    wider = tuple(replace(one, floor=3 * one.floor) for one in about.calibrations)
    replace(about, from_smiles=wider, coverages_from_smiles=about.coverages[::-1]).write(path.parent)
    found = EnsembleFile.read(path)
    assert found.from_smiles[0] == wider[0]
    assert (found.from_smiles[1].floor, found.calibrations[1].floor) == (3.0, 1.0)
    assert found.coverages_from_smiles == about.coverages[::-1]
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(stored | {"from_smiles": stored["from_smiles"][:1]}))
    with pytest.raises(ValueError, match="does not describe an ensemble of this release"):
        EnsembleFile.read(path)


def test_a_run_may_be_moved(written, tmp_path):
    shutil.move(tmp_path / "runs", tmp_path / "moved")
    found = EnsembleFile.read(tmp_path / "moved" / "ensembles" / "one" / ENSEMBLE_FILE)
    assert all(member.is_dir() for member in found.members)
    assert str(tmp_path) not in (tmp_path / "moved" / "ensembles" / "one" / ENSEMBLE_FILE).read_text()


def test_a_network_that_is_another_or_gone_is_refused(written):
    about, path = written
    (about.members[1] / "checkpoint1.pt").write_bytes(b"trained again")
    with pytest.raises(ValueError, match=r"is another than the one that .*calibrated for; run the same curve again"):
        EnsembleFile.read(path)
    shutil.rmtree(about.members[1])
    with pytest.raises(ValueError, match="which is not there; keep both in the folder of their run"):
        EnsembleFile.read(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", 2),
        ("masks", "many"),
        ("members", None),
        ("members", [{"folder": 3}]),
        ("targets", [{"name": "gap"}]),
        ("targets", [{"name": "gap", "floor": -1, "slope": 0, "factors": {"68": 1, "95": 2}, "coverage": {}}]),
        ("targets", [{"name": "gap", "floor": 1, "slope": 0, "factors": {"68": "1e999", "95": 2}, "coverage": {}}]),
    ],
)
def test_what_describes_no_ensemble_is_refused_by_name(written, name, value):
    _, path = written
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(ValueError, match=r"ensemble\.json' does not describe an ensemble of this release"):
        EnsembleFile.read(path)
