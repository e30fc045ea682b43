"""Configuration of the documentation; built by ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path

from sklearn_wsca import __version__

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "sklearn_wsca"
author = "The sklearn_wsca developers"
copyright = f"2026, {author}"
version = release = __version__

extensions = [
    "mathml",
    "offline",
    "short_classes",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "**/GALLERY_HEADER.*"]
templates_path = ["_templates"]
nitpicky = True
# Only links within this package are checked: others would need the inventories of other
# projects, which the build does not download.
nitpick_ignore_regex = [("py:.*", r"(?!sklearn_wsca).*")]

myst_enable_extensions = ["colon_fence", "dollarmath", "deflist", "attrs_inline"]
myst_heading_anchors = 3

autodoc_typehints = "none"
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["sklearn_wsca.css"]
default_role = "literal"
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 5,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc", "sg_download_links"],
    "show_prev_next": False,
}
html_sidebars = {"start": [], "changelog": [], "comparison": [], "command_line": []}


sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sklearn_wsca",),
    "reference_url": {"sklearn_wsca": None},
    "within_subsection_order": "ExampleTitleSortKey",
    "reset_modules": ("matplotlib", "gallery_warnings.make_warnings_errors"),
    "reset_modules_order": "both",
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "show_memory": False,
    # Its page would load scripts from the network.
    "write_computation_times": False,
}
