from .atom import AtomVoxel as AtomVoxel
from .density import DensityVoxel as DensityVoxel
from .drop_failed import DropFailed as DropFailed
from .gradient import GradientVoxel as GradientVoxel
from .joint import JointVoxel as JointVoxel
from .occupancy import OccupancyVoxel as OccupancyVoxel
from .voxel_featurizer import Failure as Failure
from .voxel_featurizer import VoxelFeaturizer as VoxelFeaturizer
