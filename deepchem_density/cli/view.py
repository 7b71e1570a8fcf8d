"""``deepchem-density view INPUT``: a picture and a page of a molecule, a complex or a map."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from deepchem_density.cli.looked_at import (
    INPUT_HELP,
    LookedAtSettings,
    VoxelOptions,
    datapoint_of,
    settings_given,
    settings_to_look,
)
from deepchem_density.cli.options import add_settings, values_of
from deepchem_density.settings import setting

__all__ = ["ViewRun", "add_to", "run"]


@dataclass
class ViewSettings:
    """View."""

    out: str = setting("view", "what to write: name.png, name.html, or name alone for both")
    model: str = setting(
        "", "stored model, as of predict: shows which voxels drove its prediction, in voxels of its recipe"
    )
    target: str = setting("", "which of its predictions; the first where none is named")


@dataclass
class ViewRun(VoxelOptions, ViewSettings, LookedAtSettings):
    """The options of the command."""


def add_to(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "view",
        usage="deepchem-density view input [options]",
        help="a picture, and a page to turn and zoom, of a molecule, a complex or a map",
        epilog="Example: deepchem-density view ligand.sdf --protein pocket.pdb --rep density+atom --out complex",
    )
    parser.set_defaults(command=run)
    parser.add_argument("input", help=INPUT_HELP)
    add_settings(parser, ViewRun)


def run(options: argparse.Namespace) -> int:
    """Look, and write what was asked for."""
    asked, here = values_of(options, LookedAtSettings), values_of(options, ViewSettings)
    from deepchem_density.views import view

    if here.target and not here.model:
        raise ValueError(f"target={here.target!r} arrived without a model, which would predict it; pass --model too.")
    datapoint = datapoint_of(options.input, asked, options)
    settings = settings_given(options) if here.model else settings_to_look(options)
    seen = view(datapoint, asked.rep, here.model, here.target, **settings)
    written = seen.save(here.out)
    print("\n".join([seen.scene.title, *seen.scene.facts, *(f"{one.title}: {one.words}" for one in seen.scene.panels)]))
    print(f"Written: {', '.join(map(str, written))}")
    return 0
