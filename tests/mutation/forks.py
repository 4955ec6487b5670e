"""Work in forks: every task in one of its own, made by servers that are forks themselves.

A fork of a large process takes long, 0.1 s and more where memory is copied page by page. One process that made them all
would keep no more than a few others at work; so each server makes its own, and they do it at the same time.
"""

from __future__ import annotations

import json
import math
import os
import resource
import selectors
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["Outcome", "forked"]

MEMORY = 6 << 30
#: Seconds between looks whether a fork is gone whose pipe another process holds.
LOOK = 2.0
Outcome = dict[str, Any]


def forked(
    tasks: Iterable[tuple[Any, Any]],
    work: Callable[[Any], Outcome],
    jobs: int,
    until: float = math.inf,
    news: Sequence[Any] = (),
    learn: Callable[..., None] = lambda *_: None,
) -> Iterator[tuple[Any, Outcome]]:
    """Each task in a fork of its own, so many at a time; their outcomes as they come.

    A fork that its alarm ends, or another signal, has `state` timeout or killed. After `until` those that run are
    ended without an outcome.

    Args:
        tasks: key and argument of `work`, as JSON; each is asked for when it is to begin.
        work: what a fork does.
        jobs: forks at a time.
        until: the time, by `time.monotonic`.
        news: grows while the tasks run; a server is given what is new with every task, and calls `learn` with it.
    """
    waiting, servers = iter(tasks), dict[int, _Server]()
    more = True
    try:
        with selectors.DefaultSelector() as ready:
            while more or any(one.busy for one in servers.values()):
                idle = [one for one in servers.values() if not one.busy]
                while more and (idle or len(servers) < jobs):
                    key, task = next(waiting, (None, None))
                    more = key is not None
                    if more and not idle:
                        one = _Server(work, learn, servers.values())
                        servers[one.here] = one
                        ready.register(one.here, selectors.EVENT_READ)
                        idle.append(one)
                    if more:
                        idle.pop().give(key, task, news)
                left = until - time.monotonic()
                if left <= 0:
                    return
                for event, _ in ready.select(min(left, 60.0)):
                    one = servers[event.fd]
                    outcome = one.taken()
                    if outcome is not None:
                        if not one.alive:
                            ready.unregister(one.here)
                            del servers[one.here]
                            one.end()
                        yield one.key, outcome
    finally:
        for one in servers.values():
            one.end()


class _Server:
    """A process that makes a fork for each task it is given, from the side of the one that gives them."""

    def __init__(self, work: Callable[[Any], Outcome], learn: Callable[..., None], others: Iterable[_Server]) -> None:
        self.here, out = os.pipe()
        into, self.there = os.pipe()
        self.heard, self.parts = 0, list[bytes]()
        self.busy, self.alive, self.key = False, True, None
        self.process = os.fork()
        if not self.process:
            try:
                os.setpgid(0, 0)
                for one in (*others, self):  # else nobody would see the end of their pipes
                    os.close(one.here)
                    os.close(one.there)
                _serve(into, out, work, learn)
            finally:
                os._exit(1)
        with suppress(OSError):  # both sides say it, and whoever is first
            os.setpgid(self.process, self.process)
        os.close(out)
        os.close(into)

    def give(self, key: Any, task: Any, news: Sequence[Any]) -> None:
        self.key, self.busy, self.parts = key, True, []
        data = json.dumps([list(news[self.heard :]), task]).encode() + b"\n"
        self.heard = len(news)
        with suppress(BrokenPipeError):  # its end is seen when it is read
            while data:
                data = data[os.write(self.there, data) :]

    def taken(self) -> Outcome | None:
        """The outcome, if it has come to its end; a server that is gone has taken its task with it."""
        self.parts.append(os.read(self.here, 1 << 20))
        if not self.parts[-1]:
            self.busy, self.alive = False, False
            return {"state": "broken", "by": "a server is gone"}
        if not self.parts[-1].endswith(b"\n"):
            return None
        self.busy = False
        outcome: Outcome = json.loads(b"".join(self.parts))
        return outcome

    def end(self) -> None:
        """End it, and what it has made."""
        with suppress(ProcessLookupError):
            os.killpg(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.here)
        os.close(self.there)


def _serve(into: int, out: int, work: Callable[[Any], Outcome], learn: Callable[..., None]) -> None:
    """Take tasks until there are no more."""
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(silent, stream)
    with open(into) as lines, open(out, "w") as answers:
        for line in lines:
            news, task = json.loads(line)
            for one in news:
                learn(*one)
            answers.write(json.dumps(_outcome(task, work)) + "\n")
            answers.flush()


def _outcome(task: Any, work: Callable[[Any], Outcome]) -> Outcome:
    here, there = os.pipe()
    process = os.fork()
    if not process:
        _work(there, task, work)
    os.close(there)
    parts, status = list[bytes](), None
    with selectors.DefaultSelector() as ready:
        ready.register(here, selectors.EVENT_READ)
        while not parts or parts[-1]:
            if ready.select(LOOK):
                parts.append(os.read(here, 1 << 20))
            elif (gone := os.waitpid(process, os.WNOHANG))[0]:
                status = gone[1]
                break
    os.close(here)
    status = os.waitpid(process, 0)[1] if status is None else status
    if text := b"".join(parts):
        with suppress(ValueError):
            outcome: Outcome = json.loads(text)
            return outcome
    hangs = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGALRM)
    return {"state": "timeout" if hangs else "killed", "by": None if hangs else f"status {status}"}


def _work(there: int, task: Any, work: Callable[[Any], Outcome]) -> None:
    """In a fork: write the outcome, and be gone."""
    try:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
        with open(there, "w") as pipe:
            try:
                outcome = work(task)
            except BaseException as error:  # of the campaign, not of a test: it decides nothing
                outcome = {"state": "broken", "by": repr(error)}
            pipe.write(json.dumps(outcome))
    finally:
        os._exit(1)
