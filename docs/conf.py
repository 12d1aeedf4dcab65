"""Settings of Sphinx: ``python -m sphinx -n -W docs docs/_build``."""

import inspect
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import pyhopper  # noqa: E402

project = "pyhopper"
author = "the authors of pyhopper"
project_copyright = "Apache-2.0"
release = version = pyhopper.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "_readme*", "README.md"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Pages open from file:// in a browser: nothing comes from elsewhere.
html_theme = "furo"
html_title = f"pyhopper {version}"
html_static_path = ["_static"]
html_css_files = ["pyhopper.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5f8b", "color-brand-content": "#1f5f8b"},
    "dark_css_variables": {"color-brand-primary": "#7fbce6", "color-brand-content": "#7fbce6"},
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
pygments_style = "friendly"
pygments_dark_style = "monokai"

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_mock_imports = []
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_use_ivar = True

# Types of Python, NumPy and others, and of parts of pyhopper that are not public.

# Parts that are not public, and words that Sphinx takes for types.
nitpick_ignore = [
    ("py:class", each)
    for each in (
        "How it ended",
        "Numbers",
        "Screening",
        "callable",
        "is_pruned",
        "learned_from",
        "pyhopper.events.Ended",
        "pyhopper.events.Lost",
        "pyhopper.events.Reported",
        "pyhopper.objective.Objective",
        "pyhopper.history.endings.Endings",
        "the evaluations",
    )
] + [
    ("py:func", "candidate_dir"),
    ("py:func", "pyhopper.ownership.own"),
    ("py:meth", "make_executor"),
]


def setup(app: object) -> None:
    """Show parameters under the names that users write: ``pyhopper.int``, not ``Int``."""
    for name in ("bool", "choice", "custom", "distribution", "float", "int", "list"):
        kind = getattr(pyhopper, name)
        kind.__name__ = kind.__qualname__ = name
        kind.__signature__ = inspect.signature(kind.__init__).replace(return_annotation=None)
