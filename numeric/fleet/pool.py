"""Workers of dask.distributed: batches of work go out a few at a time, and what they found comes back, each once.

A worker that ends takes no work with it: the scheduler hands it to another one. A scheduler that ends is waited for, and
what it had not told is given out again. Work that ends its worker time after time is reported as `Lost`. Work for a GPU
goes to the workers that announce one, as the resource `GPU`; where none does, to all.

One long file: client, workers and what they do when one of them ends are one protocol.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import shutil
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from s6flow import __version__
from s6flow.errors import FormatError, MissingDependencyError, S6FlowError

__all__ = [
    "ALLOWED",
    "GPU",
    "PATIENCE",
    "Failed",
    "Lost",
    "Pool",
    "Task",
    "gpus",
    "pool",
    "remove_folder",
    "require_cluster",
    "same_version",
    "signals_held",
]

#: Seconds that a scheduler, or a first worker, is waited for.
PATIENCE = 60.0
#: Workers that one batch may take down before it is called lost; on a cluster its own configuration says so.
ALLOWED = 2
#: The resource by which workers announce a GPU (dask worker --resources GPU=1); processes started here do where there is one.
GPU = "GPU"
#: Batches given out for each thread of a worker: one that is computed, one that waits beside it.
_AHEAD = 2
#: Seconds between looks at a scheduler that has told nothing.
_LOOK = 2.0
#: Run by every local worker before it works: one of the machine's GPUs, by turns; processes share one.
_SEAT = """
import os
def dask_setup(worker):
    given = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range({cards})))).split(",")
    os.environ["CUDA_VISIBLE_DEVICES"] = given[int(worker.name) % {cards}]
"""
_REMEDY = "The same command goes on where it was."


@dataclass(frozen=True)
class Task:
    """A batch of work: its name, and what the function is called with."""

    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Lost:
    """In place of a result: the work ended every worker that it was given to."""

    why: str


@dataclass(frozen=True)
class Failed:
    """In place of a result: the work raised an error."""

    error: BaseException

    def as_error(self) -> S6FlowError:
        """To raise: its own if it is one of ours; any other says that the worker cannot run the work."""
        if isinstance(self.error, S6FlowError):
            return self.error
        said = f"{type(self.error).__name__}: {self.error}"
        return S6FlowError("a worker must be able to run s6flow", said, "", "Install it there, with the same extras.")


def _resources(dask_scheduler: Any) -> list[tuple[int, dict[str, float]]]:
    """Threads and resources of every worker. Called on the scheduler."""
    return [(worker.nthreads, dict(worker.resources)) for worker in dask_scheduler.workers.values()]


def gpus() -> int:
    """CUDA devices of this machine, as its driver lists them; this process is left without a context."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if seen is not None:
        return len([name for name in seen.split(",") if name.strip() not in ("", "-1")])
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*")))


def same_version(version: str) -> None:
    """Raises: FormatError: this process runs another version of s6flow than the one that sent the work."""
    if version != __version__:
        raise FormatError("workers need the version of s6flow that sent the work", f"{__version__} for {version}")


class Pool:
    """Work for many processes.

    Args:
        connect: makes a client; called again when the scheduler was lost.
        patience: seconds that a lost scheduler is waited for.
        minutes: after which no more is waited for; what is out then is given up. None: as long as it takes.
    """

    def __init__(self, connect: Callable[[], Any], patience: float = PATIENCE, minutes: float | None = None) -> None:
        self._connect, self.patience = connect, patience
        self._end = math.inf if minutes is None else time.monotonic() + 60 * minutes
        #: Of dask.distributed, to the scheduler; another one after that was lost.
        self.client = self._reached()
        #: Largest number of batches that were out at a time.
        self.most = 0

    @property
    def threads(self) -> int:
        """Threads of all workers at this moment."""
        return sum(self.client.nthreads().values())

    @property
    def over(self) -> bool:
        """Whether the minutes have passed."""
        return time.monotonic() >= self._end

    def results(
        self, function: Callable[..., Any], tasks: Iterable[Task], gpu: bool = False
    ) -> Iterator[tuple[Task, Any]]:
        """What `function` returns for each task, as it is finished; `Lost` and `Failed` stand in place of a result.

        Tasks are drawn when there is room for them, so that any number of them costs the memory of a few.

        Args:
            gpu: whether the work belongs to workers that have a GPU, if some have.
        Raises: S6FlowError: the scheduler, or every worker, is gone for longer than patience lasts.
        """
        todo, again = iter(tasks), deque[Task]()
        out: dict[str, tuple[Any, Task]] = {}
        suspects, tried = deque[Task](), set[str]()
        alone = time.monotonic()
        try:
            while not self.over:
                self._give_out(function, todo, again, out, gpu)
                if not out and suspects:  # each alone: a worker's end is counted against all that it was given
                    tried.add(suspects[0].name)
                    self._give_out(function, iter([suspects.popleft()]), again, out, gpu)
                if not out:
                    return
                ended = self._ended(out)
                if ended:
                    alone = time.monotonic()
                elif self._deserted():
                    if time.monotonic() - alone > self.patience:
                        raise S6FlowError("a fleet needs workers", f"none for {self.patience:g} s", "", _REMEDY)
                else:
                    alone = time.monotonic()
                for key in ended:
                    future, task = out.pop(key)
                    if future.status in ("cancelled", "lost"):
                        again.append(task)
                    else:
                        told = self._told(future)
                        if isinstance(told, Lost) and task.name not in tried:
                            suspects.append(task)
                        else:
                            yield task, told
                    future.release()
                if again:
                    self._again(again, out)
        finally:
            for future, _ in out.values():
                with suppress(Exception):
                    future.cancel()

    def _give_out(
        self,
        function: Callable[..., Any],
        todo: Iterator[Task],
        again: deque[Task],
        out: dict[str, tuple[Any, Task]],
        gpu: bool,
    ) -> None:
        with suppress(OSError, TimeoutError, ValueError):  # a scheduler that is gone is seen below, by its futures
            seats = self.gpu_threads() if gpu else 0
            wanted = {"resources": {GPU: 1}} if seats else {}
            room = max(1, _AHEAD * (seats or self.threads))
            while len(out) < room:
                task = again.popleft() if again else next(todo, None)
                if task is None:
                    break
                key = f"s6flow-{task.name}-{os.urandom(4).hex()}"  # a second try is another key: results are not kept
                out[key] = (self.client.submit(function, *task.arguments, key=key, pure=False, **wanted), task)
            self.most = max(self.most, len(out))

    def gpu_threads(self) -> int:
        """Threads of the workers that announce a GPU; of one with fewer GPUs than threads, as many as it has GPUs."""
        told = self.client.run_on_scheduler(_resources)
        return sum(min(threads, int(having.get(GPU, 0))) for threads, having in told)

    def _ended(self, out: dict[str, tuple[Any, Task]]) -> list[str]:
        """Keys of what has ended in whatever way; none where nothing has for a while."""
        from distributed import wait

        # without its client wait finds none, and what waits here turns in a circle
        with suppress(asyncio.CancelledError, Exception), self.client.as_current():
            wait([future for future, _ in out.values()], timeout=_LOOK, return_when="FIRST_COMPLETED")
        return [key for key, (future, _) in out.items() if future.status != "pending"]

    def _told(self, future: Any) -> Any:
        from distributed.scheduler import KilledWorker

        if future.status == "finished":
            return future.result()
        error = future.exception()
        if isinstance(error, KilledWorker):
            return Lost(f"ended every worker that it was given to, {error.allowed_failures + 1} in all")
        return Failed(error)

    def _deserted(self) -> bool:
        with suppress(Exception):
            return not self.client.nthreads()
        return True

    def _again(self, again: deque[Task], out: dict[str, tuple[Any, Task]]) -> None:
        """A new client for a lost one; everything that was out is given out again."""
        with suppress(Exception):
            self.client.close(timeout=1)
        again.extend(task for _, task in out.values())
        out.clear()
        self.client = self._reached()

    def _reached(self) -> Any:
        """A client whose scheduler answers and has a worker.

        Raises: S6FlowError: not within the time.
        """
        end = time.monotonic() + self.patience
        while True:
            left = max(end - time.monotonic(), 0.1)
            client = None
            try:
                client = self._connect()
                client.wait_for_workers(1, timeout=left)
                return client
            except (OSError, TimeoutError, ValueError, RuntimeError) as error:
                if client is not None:
                    with suppress(Exception):
                        client.close(timeout=1)
                if time.monotonic() >= end or isinstance(error, ValueError):
                    said = " ".join(str(error).split()) or type(error).__name__
                    raise S6FlowError("a fleet needs a scheduler with workers", said, "", _REMEDY) from None
                time.sleep(min(0.5, left))

    def close(self) -> None:
        """Leave the scheduler."""
        with suppress(Exception):
            self.client.close(timeout=5)


@contextmanager
def pool(
    workers: int | None = None,
    scheduler: str | None = None,
    scheduler_file: Path | None = None,
    patience: float = PATIENCE,
    minutes: float | None = None,
    tables: bool = True,
) -> Iterator[Pool]:
    """Processes of this machine, or the workers of a cluster.

    Args:
        workers: processes to start here, one thread each; as many as there are cores by default.
        scheduler: address of a running scheduler, such as tcp://head:8786.
        scheduler_file: the file that a running scheduler wrote its address to.
        patience: seconds that a scheduler is waited for.
        minutes: as `Pool`.
        tables: whether the work makes Parquet, which needs pyarrow.
    Raises: MissingDependencyError: without dask.distributed. FormatError: more than one way is given. S6FlowError: no
        scheduler answers.
    """
    given = [name for name, value in (("--workers", workers), ("--scheduler", scheduler), ("--scheduler-file", scheduler_file)) if value is not None]  # fmt: skip
    if len(given) > 1:
        raise FormatError("workers are found in one way", " and ".join(given), "", "Leave all but one out.")
    require_cluster(tables)
    import dask
    from distributed import Client

    quiet = {
        "logging.distributed": "critical",
        "distributed.comm.timeouts.connect": "10s",
        # a local worker that ends is begun anew by its nanny; after this time the cluster would close the nanny instead
        "distributed.deploy.lost-worker-timeout": "1 day",
    }
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(quiet))
        stack.enter_context(_silent())
        options: dict[str, Any] = {"timeout": min(10.0, patience), "set_as_default": False}
        if scheduler is not None:
            connect = lambda: Client(scheduler, **options)  # noqa: E731
        elif scheduler_file is not None:
            if not scheduler_file.is_file():
                raise FormatError("a scheduler's file must be there", "no such file", str(scheduler_file))
            connect = lambda: Client(scheduler_file=str(scheduler_file), **options)  # noqa: E731
        else:
            cluster = stack.enter_context(_local(workers or os.cpu_count() or 1))
            connect = lambda: Client(cluster, **options)  # noqa: E731
        found = Pool(connect, patience, minutes)
        try:
            yield found
        finally:
            found.close()


def require_cluster(tables: bool) -> None:
    """Without the extra `cluster` there is no fleet.

    Args:
        tables: whether Parquet is made or read, which needs pyarrow.
    Raises: MissingDependencyError: one of its libraries is not installed.
    """
    try:
        import cryptography  # noqa: F401
        import distributed  # noqa: F401

        if tables:
            import pyarrow  # noqa: F401
    except ImportError as error:
        remedy = "Run pip install 's6flow[cluster]'."
        raise MissingDependencyError(
            "a fleet needs dask.distributed and pyarrow", f"no {error.name}", "", remedy
        ) from None


@contextmanager
def _local(workers: int) -> Iterator[Any]:
    """A scheduler and workers of this machine.

    They speak TLS with a key that only they have: whoever reaches a scheduler can run code, other users of this machine
    included.
    """
    import dask
    from distributed import LocalCluster

    one = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    cards = gpus()
    seat = {"resources": {GPU: 1}, "preload": [_SEAT.format(cards=cards)]} if cards else {}
    with ExitStack() as stack:
        # the library's own folder for spilled data would stay in the temporary folder for good
        scratch = tempfile.mkdtemp(prefix="s6flow-fleet-")
        stack.callback(remove_folder, scratch)
        own = {"distributed.scheduler.allowed-failures": ALLOWED - 1, "temporary-directory": scratch}
        stack.enter_context(dask.config.set(own))
        with signals_held():  # a cluster that is half begun cannot be closed, and its workers would live on
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                security=True,
                dashboard_address=None,
                # its server of HTTP listens all the same: here, and on a port that no other fleet of this machine has
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                silence_logs=logging.CRITICAL,
                env={name: os.environ.get(name, value) for name, value in one.items()},
                **seat,
            )
            stack.callback(_closed, cluster)
        yield cluster


def _closed(cluster: Any) -> None:
    with suppress(Exception):
        cluster.close(timeout=10)


def remove_folder(folder: str, tries: int = 50) -> None:
    """Remove a folder into which a worker that is being ended may still write; after so many tries it is left there."""
    for _ in range(tries):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):
            return
        time.sleep(0.1)


@contextmanager
def signals_held() -> Iterator[None]:
    """SIGINT and SIGTERM wait until what is inside has ended, and come then.

    Threads and processes that are begun inside keep SIGINT blocked: Ctrl-C goes to the workers, too, and each would say so
    by a traceback of its own; the client ends them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals do not come here
        return
    seen, numbers = list[int](), (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda number, frame: seen.append(number)) for number in numbers}
    resource_tracker.ensure_running()  # whoever begins it first has SIGINT unblocked
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if seen:
            signal.raise_signal(signal.Signals(seen[0]))


@contextmanager
def _silent() -> Iterator[None]:
    """A worker that ends is dealt with here; the library's own lines about it would only stand beside ours."""
    loud = ("distributed", "tornado", "asyncio")
    known = [*loud, *(name for name in logging.root.manager.loggerDict if name.startswith(loud))]
    names = [logging.getLogger(name) for name in known]  # each may have a level of its own
    before = [logger.level for logger in names]
    for logger in names:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(names, before, strict=True):
            logger.setLevel(level)
