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
