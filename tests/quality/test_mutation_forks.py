"""Tasks in forks: each has its outcome, whatever becomes of its process."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.mutation.forks import forked  # noqa: E402

ENDS = {
    "returns": {"state": "survived", "pid": True},
    "fails": {"state": "broken", "by": "ValueError('no')"},
    "hangs": {"state": "timeout", "by": None},
    "aborts": {"state": "killed", "by": f"status {int(signal.SIGKILL)}"},
    "long": {"state": "survived", "text": "x" * (1 << 20)},
}


def end(name: str) -> dict[str, Any]:
    """One of the ends of a fork."""
    if name == "fails":
        raise ValueError("no")
    if name in ("hangs", "aborts"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGALRM if name == "hangs" else signal.SIGKILL)
    return ENDS[name] if name == "long" else {"state": "survived", "pid": os.getpid() != HERE}


HERE = os.getpid()


def test_every_task_has_its_outcome() -> None:
    tasks = [(number, name) for number, name in enumerate(sorted(ENDS) * 2)]
    found = dict(forked(iter(tasks), end, 3))
    assert found == {number: ENDS[name] for number, name in tasks}


def test_forks_know_what_the_others_found() -> None:
    """What a task found is news to all that begin later, on whichever server."""
    news: list[tuple[str]] = []
    known: list[str] = []
    for _, outcome in forked(
        iter([(k, k) for k in range(12)]), lambda _: {"known": known}, 2, news=news, learn=known.append
    ):
        assert set(outcome["known"]) <= {one for (one,) in news}
        news.append((f"found {len(news)}",))
    assert not known, "only forks learn"
    last = [("after", 0)]
    assert next(forked(iter(last), lambda _: {"known": known}, 1, news=news, learn=known.append))[1]["known"] == [
        one for (one,) in news
    ]


def test_what_still_runs_at_the_end_of_the_time_is_ended(tmp_path: Path) -> None:
    def sleep(seconds: float) -> dict[str, Any]:
        (tmp_path / str(os.getpid())).touch()
        time.sleep(seconds)
        return {"state": "survived"}

    began = time.monotonic()
    found = dict(forked(iter([("short", 0.0), ("endless", 600.0)]), sleep, 2, until=began + 3.0))
    assert found == {"short": {"state": "survived"}}
    assert time.monotonic() - began < 60
    time.sleep(0.1)
    assert not [one for one in os.listdir(tmp_path) if runs(one)]


def runs(process: str) -> bool:
    """Whether it is there, and no zombie that nobody has waited for."""
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
