"""What doctests and tests share: examples in docstrings that write files do so in a folder of their own."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def folder_of_examples(request: pytest.FixtureRequest) -> None:
    """Run an example of a docstring elsewhere than in the checkout."""
    if isinstance(request.node, pytest.DoctestItem):
        request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))
