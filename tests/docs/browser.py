"""Chromium without a window, spoken to by its debugging protocol over a pipe: nothing to install besides the browser."""

from __future__ import annotations

import fcntl
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Seconds until an answer of the browser, or a page, counts as missing.
PATIENCE = 60.0


def found() -> str | None:
    """The browser: what CHROMIUM names, or the first of `NAMES` that is installed."""
    return os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One tab. `events` holds what happened since it was emptied last."""

    def __init__(self, program: str, profile: Path) -> None:
        ours, theirs = os.pipe(), os.pipe()
        # above 10, so that 3 and 4, which the browser reads and writes, are free in the child
        read, write = fcntl.fcntl(ours[0], fcntl.F_DUPFD, 10), fcntl.fcntl(theirs[1], fcntl.F_DUPFD, 10)

        def places() -> None:
            os.dup2(read, 3)
            os.dup2(write, 4)

        flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe")
        quiet = ("--no-first-run", "--disable-background-networking", f"--user-data-dir={profile}", "about:blank")
        self._process = subprocess.Popen(
            [program, *flags, *quiet],
            preexec_fn=places,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (read, write, ours[0], theirs[1]):
            os.close(end)
        self._out, self._in = os.fdopen(ours[1], "wb", buffering=0), os.fdopen(theirs[0], "rb")
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.events: list[dict[str, Any]] = []
        self._session, self._count = "", 0
        threading.Thread(target=self._read, daemon=True).start()
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def _read(self) -> None:
        waiting = b""
        while chunk := self._in.read1(1 << 16):
            *whole, waiting = (waiting + chunk).split(b"\0")
            for text in whole:
                message = json.loads(text)
                (self._answers.put if "id" in message else self.events.append)(message)

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask, and wait for the answer."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        message |= {"sessionId": self._session} if self._session else {}
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._answers.get(timeout=PATIENCE)
            if answer["id"] == self._count:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result

    def run(self, expression: str) -> Any:
        """The value of an expression of JavaScript on the page; promises are awaited."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, (expression, answer["exceptionDetails"])
        return answer["result"].get("value")

    def open(self, address: str) -> None:
        """Load a page, to its load event."""
        self.events.clear()
        self.send("Page.navigate", url=address)
        self.until(lambda: any(event["method"] == "Page.loadEventFired" for event in self.events), address)

    def until(self, condition: Any, what: str) -> None:
        """Wait for a condition."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"waited {PATIENCE:g} s for {what}"
            time.sleep(0.02)

    def look(self, width: int, dark: bool) -> None:
        """Be so wide, and prefer this scheme."""
        height = 844 if width < 600 else 900
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait(PATIENCE)


@contextmanager
def page() -> Iterator[Page]:
    """A tab of a browser of its own."""
    program = found()
    assert program, "no Chromium found; set CHROMIUM to its path"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        tab = Page(program, Path(profile))
        try:
            yield tab
        finally:
            tab.close()
