from .exporting import export as export
from .scene import Panel as Panel
from .scene import Scene as Scene
from .viewing import View as View
from .viewing import view as view
