"""The command line: one file a command, options made from the settings."""

from deepchem_density.cli.command_line import main

__all__ = ["main"]
