"""Seeded mutation of everything the package reads, with an oracle that knows what is right: ``python -m fuzzing --help``.

Not shipped: it belongs to the repository as the tests do, whose short run of it is ``tests/test_fuzzing.py``.
"""
