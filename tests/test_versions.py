from __future__ import annotations

import subprocess

import numpy as np

from deepchem_density.versions import PACKAGES, __version__, code_commit, installed_versions


def test_versions_are_those_installed():
    found = installed_versions()
    assert tuple(found) == PACKAGES
    assert found["numpy"] == np.__version__
    assert found["deepchem-density"] == __version__
    assert list(installed_versions(["numpy"])) == ["numpy"]


def test_the_commit_is_that_of_a_checkout_that_knows_the_package_and_tells_changes(tmp_path):
    def git(*words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", *identity, "-C", str(tmp_path), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    assert code_commit(package) is None
    git("init", "-q")
    (tmp_path / "other.txt").write_text("")
    git("add", "other.txt")
    git("commit", "-qm", "Somebody else's checkout")
    assert code_commit(package) is None
    git("add", "package")
    git("commit", "-qm", "The package")
    assert code_commit(package) == (git("rev-parse", "HEAD"), False)
    (package / "__init__.py").write_text("changed = True\n")
    assert code_commit(package) == (git("rev-parse", "HEAD"), True)
