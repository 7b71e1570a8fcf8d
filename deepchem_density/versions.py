"""Which versions of the packages that matter for results are installed, and which commit of this one."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["PACKAGES", "__version__", "code_commit", "installed_versions"]

__version__ = "0.1.0"

PACKAGES = ("deepchem-density", "deepchem", "torch", "numpy", "rdkit", "gemmi", "xtb")
"""What curves and stored models depend on."""


def installed_versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Return package -> version."""
    from importlib.metadata import version  # a tenth of what --help takes

    return {package: version(package) for package in packages}


def code_commit(folder: Path = Path(__file__).parent) -> tuple[str, bool] | None:
    """Return the commit of the code and whether files were changed since; None where it is no checkout of git.

    Parameters
    ----------
    folder : path
        Of the package. Its ``__init__.py`` must be one of the files that git knows: an environment inside somebody else's
        checkout is none of this package.
    """

    def git(*words: str) -> str:
        command = ["git", "-C", str(folder), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None
