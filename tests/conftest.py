"""Every annotation of the package is checked in every test: see `plugins/annotations.py`."""

from __future__ import annotations

from annotations import hooked
from jaxtyping import install_import_hook

install_import_hook(hooked(), "annotations.check")
