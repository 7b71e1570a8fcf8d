from __future__ import annotations

from deepchem_density.errors import counted_reasons


def test_reasons_that_differ_in_names_and_numbers_are_of_one_kind():
    failures = [
        ("a", "'mol 1' does not fit: 3.25 Å"),
        ("b", "'mol 2' holds F"),
        ("c", "'another' does not fit: -7 Å"),
        ("d", "'x' does not fit: 10 Å"),
    ]
    assert counted_reasons(failures) == [(3, "'…' does not fit: … Å", "a"), (1, "'…' holds F", "b")]
    assert counted_reasons([]) == []


def test_apostrophes_are_no_quotes_and_names_keep_their_digits():
    failures = [
        ("a", "RDKit's ETKDGv3 found no conformer for 'C1C2CC12' with seed 0"),
        ("b", "RDKit's ETKDGv3 found no conformer for 'CC' with seed 0"),
    ]
    assert counted_reasons(failures) == [(2, "RDKit's ETKDGv3 found no conformer for '…' with seed …", "a")]
