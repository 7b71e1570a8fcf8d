"""DeepChem, imported once without the notes it prints about optional packages.

Its import logs some 17 lines and warns about its own dependencies. Only the ``deepchem`` logger is turned down and only
while the import runs; the root logger and the user's own warning filters stay as they are.
"""

from __future__ import annotations

import logging
import warnings

__all__ = ["deepchem"]

_logger = logging.getLogger("deepchem")
_level = _logger.level
_logger.setLevel(logging.ERROR)
try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import deepchem
finally:
    _logger.setLevel(_level)
