"""With S6FLOW_ANNOTATIONS=1 every annotation of the package is checked in every test: see `plugins/annotations.py`."""

from __future__ import annotations

import os

if os.environ.get("S6FLOW_ANNOTATIONS") == "1":
    from annotations import hooked
    from jaxtyping import install_import_hook

    install_import_hook(hooked(), "annotations.check")
