"""A signal that comes while C code runs Python code is answered, not swallowed with the exceptions that C clears."""

from __future__ import annotations

import enum
import signal
import subprocess
import sys
import time
from typing import Any

import click
import numpy as np
import pytest

from s6flow import cli

HELD = hasattr(enum.EnumType, "__getattr__")  # what NumPy's lookups run, before Python 3.12


class _Word(enum.IntEnum):
    ENDED = 3


#: Stands in the place of the lookup, in the file of enumerations, and interrupts itself.
_LOOKUP = """
def __getattr__(cls, name):
    if not sent:
        sent.append(name)
        signal.raise_signal(number)
    raise AttributeError(name)
"""


def _at_a_lookup(number: signal.Signals) -> None:
    """Send the signal at the moment at which NumPy asks a member for an attribute that it does not have."""
    given: dict[str, Any] = {"signal": signal, "number": number, "sent": []}
    exec(compile(_LOOKUP, enum.__file__, "exec"), given)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(enum.EnumType, "__getattr__", given["__getattr__"])
        np.array([1, 3]) == _Word.ENDED  # noqa: B015
    assert given["sent"], "NumPy asks nothing any more: the handler's reason is gone"


@pytest.mark.skipif(not HELD, reason="enumerations have no attribute of Python's own since 3.12")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_inside_a_lookup_ends_the_command(
    number: signal.Signals, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def busy() -> None:
        _at_a_lookup(number)
        limit = time.monotonic() + 20
        while time.monotonic() < limit:
            time.sleep(0.01)

    monkeypatch.setattr(cli.cli, "get_command", lambda context, name: busy)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
    try:
        with pytest.raises(SystemExit) as end:
            cli.main(["busy"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert end.value.code == status
    assert "no file was left half written" in capsys.readouterr().err


@pytest.mark.skipif(not HELD, reason="enumerations have no attribute of Python's own since 3.12")
def test_without_the_handler_such_an_interrupt_is_lost() -> None:
    """The reason for the handler: NumPy clears what the lookup raises."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _at_a_lookup(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("ignored", [True, False])
def test_what_the_shell_ignores_stays_ignored(ignored: bool) -> None:
    """As after `nohup s6flow ... &`."""
    script = f"""
import signal
signal.signal(signal.SIGINT, signal.{"SIG_IGN" if ignored else "default_int_handler"})
from s6flow.cli import _ended_by_signal as during
with during():
    print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(ignored)
