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
    "sphinx_copybutton",
]
source_suffix = {".md": "markdown"}
default_role = "code"
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "mentra-actors"
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
html_static_path = ["site.css"]
html_css_files = ["site.css"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"


_SECTIONS = {"Raises:": "raises", "Args:": "param"}


def mark_up(*given: Any) -> None:
    """Docstrings are plain text: an indented piece after an empty line is code, others are fields.

    Sphinx gives the lines last, behind what they belong to, and takes what they are then.
    """
    lines: list[str] = given[-1]
    written: list[str] = []
    section, is_code = "", False
    for line in lines:
        is_indented = line.startswith("    ")
        if line and not is_indented:
            section, is_code = _SECTIONS.get(line, ""), False
            if section:
                continue
        if section and is_indented:
            is_more = line.startswith("     ")
            names, _, words = line.strip().partition(": ")
            written.append(f"    {line.strip()}" if is_more else f":{section} {names}: {words}")
            continue
        if is_indented and not is_code and written and not written[-1]:
            written += [".. code-block:: python", ""]
            is_code = True
        written.append(line)
    lines[:] = written


def setup(app: Any) -> None:
    """See `mark_up`."""
    app.connect("autodoc-process-docstring", mark_up)
