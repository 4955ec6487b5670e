"""Tasks that ask questions now and then, whose answers cost less together: several layers that wait for one device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import copy_context
from threading import Semaphore, Thread
from typing import Any, Generic, TypeVar

__all__ = ["Ask", "side_by_side"]

#: A question in, its answer out.
Ask = Callable[[Any], Any]
_Found = TypeVar("_Found")


def side_by_side(
    tasks: Sequence[Callable[[Ask], _Found]],
    answer: Callable[[list[Any]], Sequence[Any]],
    rank: Callable[[Any], Any] = lambda question: 0,
) -> list[_Found]:
    """What the tasks return, in their order; what they wait for is answered at once, when all that still run wait.

    One task runs at a time, to its next question or to its end, so that they need no care of each other: a thread is but
    the place where a call stack waits.

    Args:
        tasks: each is given a function to ask with.
        answer: questions, in the order of their tasks -> answers; it runs in the caller's thread.
        rank: of a question; only those of the lowest rank are answered, so that a task that has less to ask before
            waits with the others' last question, and it is answered once.
    Raises: what a task or `answer` raises; the other tasks then end where they wait.
    """
    given = [_Task(work) for work in tasks]
    try:
        ready = given
        while ready:
            for task in ready:
                task.go()
            ranks = {task: rank(task.held) for task in given if not task.done}
            ready = [task for task in ranks if ranks[task] == min(ranks.values())]
            answers = answer([task.held for task in ready]) if ready else ()
            for task, found in zip(ready, answers, strict=True):
                task.held = found
        return [task.held for task in given]
    finally:
        for task in given:
            task.stop()


class _Stopped(BaseException):
    """Another task has failed."""


class _Task(Generic[_Found]):
    """A call stack that can be put aside; `held` is its question, then the answer, and at last what it returned."""

    def __init__(self, work: Callable[[Ask], _Found]) -> None:
        self.held: Any = None
        self.done = self._stopped = False
        self._error: BaseException | None = None
        self._work = work
        self._turn, self._back = Semaphore(0), Semaphore(0)
        self._thread = Thread(target=copy_context().run, args=(self._run,), daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._wait()
            self.held = self._work(self._ask)
        except BaseException as error:
            self._error = error
        self.done = True
        self._back.release()

    def _wait(self) -> None:
        self._turn.acquire()
        if self._stopped:
            raise _Stopped

    def _ask(self, question: Any) -> Any:
        self.held = question
        self._back.release()
        self._wait()
        return self.held

    def go(self) -> None:
        """To its next question or to its end, whose error is raised here."""
        self._turn.release()
        self._back.acquire()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End it where it waits."""
        if not self.done:
            self._stopped = True
            self._turn.release()
        self._thread.join()
