"""The site: ``sphinx-build -W --keep-going docs docs/_build/html``. Nothing is fetched while it is built."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from generated_pages import write_pages

from deepchem_density.versions import __version__

project = "deepchem_density"
author = "The deepchem_density developers"
project_copyright = f"{author}; MIT licence"
release = version = __version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_nb"]
exclude_patterns = ["_build"]

highlight_language = "none"  # blocks without a language are commands

# Docstrings are NumPy's, with names in single backticks: a link where such an object is documented, code elsewhere.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings tell types with shapes and units
autosummary_generate = False  # each room is one page, see generated_pages.py
numpydoc_show_class_members = False

myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = (
    "off"  # continuous integration executes the notebooks; DOCS_NOTEBOOKS names a folder with their pictures
)

html_theme = "pydata_sphinx_theme"
html_title = project
html_show_sourcelink = False
html_theme_options = {"show_prev_next": True, "navigation_with_keys": False, "header_links_before_dropdown": 5}
html_context = {"default_mode": "auto"}
html_sidebars = {
    page: [] for page in ("quick-start", "concepts", "physics", "coming-from", "changelog")
}  # nothing below
html_static_path = ["_static"]
html_css_files = ["site.css"]

write_pages()
