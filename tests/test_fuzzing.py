"""A short run of the fuzz program, and that it sees faults where there are some."""

from __future__ import annotations

import logging
import mmap
import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest
from rdkit import RDLogger

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.readers import structure_from
from fuzzing.atoms import same_atoms
from fuzzing.cases import EITHER, READ, REFUSED, Case, Reader
from fuzzing.molecules import molecules, xyz
from fuzzing.outcome import CLEAR, CRASH, FAULTS, HANG, MEMORY, RIGHT, TOO_STRICT, UNCLEAR, WRONG, tried
from fuzzing.readers import all_readers
from fuzzing.runs import case_at, run

QUICK = "small molecules,macromolecules,ligand,cube,ccp4,mtz,sf.cif,complexes,lists,INDEX,predict,stored,tuned"
"""Not those that make models and solve molecules first."""


@pytest.fixture(autouse=True)
def heard_again():
    """What the fuzz program keeps quiet is heard again by other tests."""
    yield
    logging.disable(logging.NOTSET)
    RDLogger.EnableLog("rdApp.*")


def test_a_short_run_finds_no_fault():
    record = run(seed=2026, count=1500, readers=all_readers(QUICK))
    assert record.totals.total() == 1500
    assert {kind: record.totals[kind] for kind in FAULTS if record.totals[kind]} == {}, record.faults
    assert record.totals[RIGHT] > 300
    assert record.totals[CLEAR] > 300


def outcome(read, expected=EITHER, verdict=lambda value: "", content=b"x"):
    return tried(Case("a", "b", {"case.txt": content}, read, verdict, expected)).kind


def library(path):
    return int("no number")


def nameless(path):
    error = FeaturizationError("Something was wrong with the file that arrived here.")
    return (_ for _ in ()).throw(error)


def clear(path):
    return structure_from(path.with_suffix(".xyz"))


@pytest.mark.parametrize(
    ("read", "expected", "verdict", "kind"),
    [
        (str, EITHER, lambda value: "", RIGHT),
        (str, EITHER, lambda value: "another value", WRONG),
        (str, REFUSED, lambda value: "", WRONG),
        (library, EITHER, lambda value: "", UNCLEAR),
        (nameless, EITHER, lambda value: "", UNCLEAR),
        (lambda path: {}["key"], EITHER, lambda value: "", UNCLEAR),
    ],
)
def test_outcomes_are_told_apart(read, expected, verdict, kind):
    assert outcome(read, expected, verdict) == kind


def test_a_sentence_that_names_the_file_is_clear_unless_the_file_was_good():
    for expected, kind in ((EITHER, CLEAR), (REFUSED, CLEAR), (READ, TOO_STRICT)):
        case = Case("a", "b", {"case.xyz": b"1\n\nQq 0 0 0\n"}, structure_from, lambda value: "", expected)
        assert tried(case).kind == kind


def test_atoms_that_moved_or_changed_are_seen(tmp_path):
    molecule = molecules()[0]
    (tmp_path / "a.xyz").write_text(xyz(molecule))
    found = structure_from(tmp_path / "a.xyz")
    assert same_atoms(molecule.numbers, molecule.positions, 0)(found) == ""
    assert "is not among" in same_atoms(molecule.numbers, molecule.positions + 0.01)(found)
    assert "is not among" in same_atoms(np.roll(molecule.numbers, 1), molecule.positions)(found)
    assert "charge 0, 1 is right" in same_atoms(molecule.numbers, molecule.positions, 1)(found)


def endless(path):
    while True:
        pass


def killed(path):
    os.kill(os.getpid(), signal.SIGKILL)


def large(path):
    fresh = mmap.mmap(-1, 200_000_000)  # malloc may hand out what this process has had before, which is no growth
    np.frombuffer(fresh, np.uint8)[:] = 1
    return str(path)


def faulty(rng: random.Random) -> Case:
    read = rng.choice((endless, killed, large, str, str, str, str))
    faulty.calls += 1  # the first call is the parent's, which must survive
    return Case("a", read.__name__, {"case.txt": b"x"}, str if faulty.calls == 1 else read, lambda value: "")


def test_hangs_crashes_and_memory_of_a_case_do_not_stop_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fuzzing.runs.GIGABYTE", 1e8)  # which takes less time
    faulty.calls = 0
    readers = [Reader("a", 1.0, (faulty,))]
    record = run(5, 6, readers, seconds=3.0, out=tmp_path / "record.json")
    assert record.totals.total() == 6
    for kind in (HANG, CRASH, MEMORY, RIGHT):
        assert record.totals[kind] > 0, kind
    assert run(5, 6, readers, out=tmp_path / "record.json").totals == record.totals  # nothing is left to do
    with pytest.raises(SystemExit, match="record of another run"):
        run(4, 6, readers, out=tmp_path / "record.json")


def test_a_case_is_the_same_each_time():
    readers = all_readers("small molecules,macromolecules")
    for place in range(20):
        assert case_at(5, place, readers).files == case_at(5, place, readers).files


def test_files_of_a_folder_are_changed_too(tmp_path: Path):
    (tmp_path / "own.xyz").write_text(xyz(molecules()[0]))
    readers = all_readers("corpus", tmp_path)
    assert {case_at(1, place, readers).files.keys() == {"own.xyz"} for place in range(5)} == {True}
