from __future__ import annotations

import numpy as np
import pytest
from complex_files import write_complex

from deepchem_density.cli import main
from deepchem_density.tables.qm9 import load_sample

SMALL = ["--voxel-width", "1.5", "--oversampling", "1", "--widths", "4,8", "--n-jobs", "1", "--workers", "1"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not list(tmp_path.glob("runs*")), "a dry run wrote something"


def test_the_data_are_described_and_what_fails_is_counted_by_reason(capsys):
    sample = load_sample()
    arguments = ["--rep", "atom", "--elements", "H,C,N,O", "--targets", "gap,mu", "--box-width", "9"]
    assert main(["describe", *arguments, *SMALL]) == 0
    printed = capsys.readouterr().out
    fluorine = int((sample.element_counts([9])[:, 0] > 0).sum())
    reach = [np.abs(s.positions - s.positions.mean(axis=0)).max() for s in sample.structures()]
    large = np.array(reach) > 4.5
    assert "sample: 2,000 molecules\n" in printed
    assert "Split (random): 1,500 for training, 100 watched, 400 to test; training sets of 94, 375, 1,500" in printed
    gap = 27.211386 * sample.column("gap")
    assert f"gap (eV, hartree in files): 2,000 known, 0 missing; {gap.min():.4g} to {gap.max():.4g}" in printed
    assert f"F in {fluorine:,}\n" in printed
    assert f"the box is 9 Å: {large.sum()} of 2,000 do not fit" in printed
    assert "holds F, for which there is no channel" in printed
    failing = (sample.element_counts([9])[:, 0] > 0) | large
    assert f"\n{failing.sum()} of 2,000 looked at" in printed
    assert "Features: " in printed
    assert "Training: " in printed
    assert "for 6 cells with 1 process (" in printed


def test_a_dry_run_of_a_comparison_describes_each_representation(capsys):
    arguments = ["--dry-run", "--reps", "atom,occupancy", "--n-train", "30", "--steps", "3", *SMALL]
    assert main(["compare", *arguments]) == 0
    printed = capsys.readouterr().out
    assert printed.count("Nothing fails: 2,000 looked at") == 2
    assert "atom (voxel_width=1.5, oversampling=1): 8 x 8 x 8 x 5 voxels" in printed
    assert "All together: " in printed


def test_a_dry_run_of_a_search_counts_its_trials(capsys):
    pytest.importorskip("optuna", reason="needs the extra [tune]")
    assert main(["tune", "--dry-run", "--rep", "occupancy", "--n-trials", "7", "--steps", "3", *SMALL]) == 0
    assert "for 7 trials at the first point's settings" in capsys.readouterr().out


def test_complexes_are_called_complexes_and_what_their_table_lacks_is_told(tmp_path, capsys):
    rows = [write_complex(tmp_path, f"{i}abc", "C" * (i + 1)) for i in range(6)]
    lines = [f"{i}abc,{ligand},{pocket},{4 + i},true" for i, (ligand, pocket) in enumerate(rows)]
    lines[2] = lines[2].replace("true", "false")
    (tmp_path / "my.csv").write_text("\n".join(["id,ligand,pocket,pK,usable", *lines]) + "\n")
    arguments = ["--dataset", "complexes", "--data-dir", "my.csv", "--rep", "atom", "--split", "random"]
    assert main(["curve", "--dry-run", "true", "--steps", "3", *arguments, "--widths", "4,8", "--n-jobs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "complexes: 5 complexes\n1 left out of the table:\n  1 x marked as not usable (for instance 2abc)" in printed
    assert "Split: none. A test set of 1 arrived" in printed
    assert "molecules" not in printed
