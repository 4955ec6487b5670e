"""With S6FLOW_ANNOTATIONS=1 every annotation of the package is checked in every test: see `plugins/annotations.py`."""

from __future__ import annotations

import os

if os.environ.get("S6FLOW_ANNOTATIONS") == "1":
    import annotations as checks

    checks.install()
