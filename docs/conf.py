"""Settings of Sphinx: `sphinx-build -W docs docs/_build` builds the documentation, without network."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import fastconv

project = "fastconv"
author = "the fastconv developers"
copyright = author
version = release = fastconv.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "myst_nb", "reference"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"fastconv {release}"
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["wide_code.css"]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

# Pages with `file_format: mystnb` run when the documentation is built; an error in their code ends the build.
nb_execution_mode = "force"
nb_execution_timeout = 300  # seconds for a cell
nb_execution_raise_on_error = True
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # kernels show figures, whatever the caller set

default_role = "code"  # docstrings write names as `Conv2D`
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attributes in a list, not as entries of their own
autodoc_inherit_docstrings = False
autodoc_typehints = "none"  # docstrings state types and shapes
toc_object_entries_show_parents = "hide"
python_maximum_signature_line_length = 100
