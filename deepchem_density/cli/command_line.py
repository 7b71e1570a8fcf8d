"""The command line: ``deepchem-density curve --rep gradient`` does what ``mlflow run . -P rep=gradient`` does."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from deepchem_density.cli import compare, curve, describe, export, featurize, predict, tune, view
from deepchem_density.cli.options import Parser
from deepchem_density.versions import __version__
from deepchem_density.workers import WorkerError

__all__ = ["main", "parser"]

COMMANDS = (describe, featurize, curve, compare, tune, predict, view, export)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0, or 2 for what cannot run."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")

    try:
        return options.command(options)
    except (ValueError, ImportError, OSError, WorkerError) as error:
        print(f"deepchem-density: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("deepchem-density: interrupted; the same command goes on where this one stopped.", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    reader = Parser(prog="deepchem-density", description="Electron density as input for molecular machine learning.")
    reader.add_argument("--version", action="version", version=__version__)
    commands = reader.add_subparsers(required=True, metavar="command", parser_class=Parser)
    for command in COMMANDS:
        command.add_to(commands)
    return reader
