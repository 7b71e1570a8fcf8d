from .deepchem_model import VoxelCNNModel as VoxelCNNModel
from .magnitude_bins import MagnitudeBins as MagnitudeBins
from .prediction import Predictor as Predictor
from .prediction import find_model as find_model
from .prediction_inputs import Input as Input
from .prediction_inputs import read_inputs as read_inputs
from .recipe_file import ModelRecipe as ModelRecipe
from .voxel_cnn import VoxelCNN as VoxelCNN
