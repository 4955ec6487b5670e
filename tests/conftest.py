"""Every annotation of arrays is checked in every test, and with S6FLOW_ANNOTATIONS=1 every annotation: `plugins/annotations.py`."""

from __future__ import annotations

import os

ASKED = os.environ.get("S6FLOW_ANNOTATIONS", "arrays")
if ASKED != "0":
    from annotations import hooked, shaped
    from jaxtyping import install_import_hook

    install_import_hook(hooked() if ASKED == "1" else shaped(), "annotations.check")
