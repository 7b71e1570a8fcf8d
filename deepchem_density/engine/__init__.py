"""Tasks in this process, in processes of this machine, or on a dask cluster: none lost, none done twice."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
