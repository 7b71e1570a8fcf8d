from .cluster import Cluster as Cluster
from .connect import open_engine as open_engine
from .tasks import ClusterError as ClusterError
from .tasks import Engine as Engine
from .tasks import Post as Post
from .tasks import Task as Task
