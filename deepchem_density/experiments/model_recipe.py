"""Where stored MLflow models of release 0.1 look for their recipe; goes with the next release."""

from deepchem_density.models.recipe_file import RECIPE_FILE, ModelRecipe

__all__ = ["RECIPE_FILE", "ModelRecipe"]
