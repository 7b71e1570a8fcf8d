"""``view``: what a script, a notebook and the command line call to see something."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from deepchem_density.files import check_writable, write_text
from deepchem_density.views.scene import Scene, scene_of

__all__ = ["View", "view"]

SUFFIXES = (".png", ".html")
FRAME_HEIGHT = 620
"""Pixels, in a notebook."""


@dataclass(frozen=True, eq=False)
class View:
    """A scene that a notebook shows, and that can be saved.

    Parameters
    ----------
    scene : Scene
        What is shown.
    """

    scene: Scene

    @cached_property
    def html(self) -> str:
        """The page; it needs no other file and no network."""
        from deepchem_density.views.page import page_of

        return page_of(self.scene)

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html)}" title="{escape(self.scene.title)}" width="100%" '
            f'height="{FRAME_HEIGHT}" style="border: 0" sandbox="allow-scripts"></iframe>'
        )

    def save(self, path: str | Path) -> tuple[Path, ...]:
        """Write a picture (.png) or a page (.html); both for a name without ending.

        Returns
        -------
        tuple of Path
            What was written.

        Raises
        ------
        ValueError
            Another ending.
        OSError
            It cannot be written there.
        """
        path = Path(path)
        if path.suffix and path.suffix.lower() not in SUFFIXES:
            raise ValueError(
                f"'{path}' arrived to be written; a name that ends in .png or .html, or in neither, is accepted."
            )
        files = (path,) if path.suffix else tuple(path.with_suffix(suffix) for suffix in SUFFIXES)
        for file in files:
            check_writable(file)
        for file in files:
            if file.suffix.lower() == ".html":
                write_text(file, self.html)
            else:
                from deepchem_density.views.picture import save_picture

                save_picture(self.scene, file)
        return files


def view(datapoint: Any, representation: str = "", model: str | Path = "", target: str = "", **settings: Any) -> View:
    """Look at a molecule, a complex or a map.

    Parameters
    ----------
    datapoint
        A SMILES, a path, a Mol, a `Structure`; (ligand, protein), (ligand, protein, map) or (ligand, map); or a map alone.
    representation : str
        What to show, several joined as in "density+gradient"; all of them by default.
    model : str or path, optional
        Folder of a stored model or ensemble, the name of one in the package, or what MLflow knows: shows which voxels drove its
        prediction, in the voxels of its recipe.
    target : str
        Which prediction; the model's first by default.
    **settings
        Of voxels, as of the featurizers: source="independent_atoms", box_width=12.0.

    Returns
    -------
    View
        A notebook shows it; ``save`` writes it.

    Raises
    ------
    ValueError
        Settings that do not exist, contradict each other, or come with a model.
    FeaturizationError
        What cannot be read or looked at.

    Examples
    --------
    >>> view("CCO").save("ethanol.html")
    (PosixPath('ethanol.html'),)
    """
    predictors: tuple[Any, ...] = ()
    if model:
        from deepchem_density.models.ensemble import Ensemble
        from deepchem_density.models.prediction import find_model

        predictors = Ensemble.from_folders([find_model(str(model))]).members
    return View(scene_of(datapoint, representation, settings, predictors, target))
