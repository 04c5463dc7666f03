"""How the pages of this directory become a site: `make docs`."""

import sys
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE), str(_HERE.parent)]

from reference_pages import write_reference  # noqa: E402 - it is beside this file

write_reference(_HERE / "reference")

project = "mentra-actors"
author = "the authors of mentra-actors"
copyright = author  # noqa: A001 - what Sphinx calls it
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
source_suffix = {".md": "markdown"}
default_role = "code"
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "mentra-actors"
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False


def mark_code(*given: Any) -> None:
    """An indented piece after an empty line is code: docstrings are plain text, not markup.

    Sphinx gives the lines last, behind what they belong to, and takes what they are then.
    """
    lines: list[str] = given[-1]
    written: list[str] = []
    is_code = False
    for line in lines:
        is_indented = line.startswith("    ")
        if is_indented and not is_code and written and not written[-1]:
            written += [".. code-block:: python", ""]
            is_code = True
        elif line and not is_indented:
            is_code = False
        written.append(line)
    lines[:] = written


def setup(app: Any) -> None:
    """See `mark_code`; before the sections of docstrings are read."""
    app.connect("autodoc-process-docstring", mark_code, priority=100)
