"""``deepchem-density export INPUT FILE``: a representation as a cube, a CCP4 map or arrays."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from deepchem_density.cli.looked_at import INPUT_HELP, LookedAtSettings, VoxelOptions, datapoint_of, settings_to_look
from deepchem_density.cli.options import add_settings, values_of

__all__ = ["ExportRun", "add_to", "run"]


@dataclass
class ExportRun(VoxelOptions, LookedAtSettings):
    """The options of the command."""


def add_to(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "export",
        usage="deepchem-density export input file [options]",
        help="a representation as a file for PyMOL, ChimeraX, VESTA or NumPy",
        epilog="Example: deepchem-density export CCO ethanol.cube --rep density --voxel-width 0.25",
    )
    parser.set_defaults(command=run)
    parser.add_argument("input", help=INPUT_HELP)
    parser.add_argument(
        "file",
        help="what to write: .cube (voxels), .ccp4, .map or .mrc (the field at its nodes), or .npz (voxels, grid and atoms)",
    )
    add_settings(parser, ExportRun)


def run(options: argparse.Namespace) -> int:
    """Look, and write the file, or one for each channel."""
    asked = values_of(options, LookedAtSettings)
    from deepchem_density.views import export

    datapoint = datapoint_of(options.input, asked, options)
    written = export(datapoint, options.file, asked.rep or "density", settings_to_look(options))
    print(f"Written: {', '.join(map(str, written))}")
    return 0
