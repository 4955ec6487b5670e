"""Notices of libraries that are no concern of a command's user."""

from __future__ import annotations

__all__ = ["without_notice_of_folder"]

#: Beginnings of what Matplotlib says of its own folder: that it made a temporary one, why, and that it fills it.
_NOTICES = ("mkdir -p failed for path ", "Matplotlib created a temporary ", "Matplotlib is building the font cache")
_NOT_WRITABLE = "is not a writable directory"


def without_notice_of_folder() -> None:
    """Where no folder of its own can be written, Matplotlib makes a temporary one and says so: not on our stderr.

    To be called before Matplotlib is imported. Its other warnings, as of letters that a font lacks, are heard.
    """
    import logging

    def heard(record: logging.LogRecord) -> bool:
        said = record.getMessage()
        return not (said.startswith(_NOTICES) or said.endswith(_NOT_WRITABLE))

    for name in ("matplotlib", "matplotlib.font_manager"):
        logging.getLogger(name).addFilter(heard)
