"""How Sphinx builds the documentation; for `admin/test docs` a warning is an error."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

_INIT = Path(__file__).parents[1] / "flocker" / "__init__.py"

project = "Flocker"
author = "the Flocker maintainers"
copyright = "the Flocker maintainers, Apache License 2.0"
release = re.findall(r'^__version__ = "(.+)"$', _INIT.read_text(), re.MULTILINE)[0]
version = release

extensions = ["openapi_tables"]

html_theme = "furo"
html_title = f"Flocker {release}"
html_copy_source = False
nitpicky = True
