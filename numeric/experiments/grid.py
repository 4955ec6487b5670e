"""Runs of grids over workers that share a GPU, over ranks of a torchrun, and over interruptions."""

from __future__ import annotations

import json
import math
import multiprocessing as mp
import os
import queue
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from s6flow.errors import FormatError, S6FlowError
from s6flow.files import write_atomic
from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.config import Config
from s6flow.numeric.experiments.data_sources import load_source
from s6flow.numeric.experiments.mending import mend_log
from s6flow.numeric.experiments.run import finished, perform, run_folder
from s6flow.numeric.experiments.threads_of_runs import threads_of_each, threads_set
from s6flow.processes import alone_in, end_with_parent

__all__ = ["Task", "fits", "jobs_of_rank", "listen", "pick_devices", "run_grid", "run_tasks", "side_by_side"]

#: Seconds after the deadline in which a run that has trained to its end may still be measured.
GRACE = 45.0

Job = tuple[str, int]
Report = Callable[[str, int, int], None]


class Task(NamedTuple):
    """One run of a grid.

    Args:
        config, condition, seed: what.
        out: folder of its grid.
        seconds: of one GPU to itself that it takes, by estimate; 0 where unknown.
    """

    config: Config
    out: Path
    condition: str
    seed: int
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """For reports."""
        return f"{self.condition} s{self.seed}"


def pick_devices(wanted: str | None) -> list[torch.device]:
    """The devices of this process: `wanted`, else this rank's GPU under torchrun, else all GPUs, else the CPU.

    Raises: FormatError: cuda was asked for and there is none.
    """
    if wanted == "cpu" or (wanted is None and not torch.cuda.is_available()):
        return [torch.device("cpu")]
    if not torch.cuda.is_available():
        raise FormatError("--device cuda needs a CUDA device", "none", "device", "Leave --device out.")
    count, rank = torch.cuda.device_count(), os.environ.get("LOCAL_RANK")
    return [torch.device("cuda", index) for index in (range(count) if rank is None else [int(rank) % count])]


def jobs_of_rank(config: Config) -> list[Job]:
    """This rank's share of the grid, seed by seed: when time runs out, whole seeds are done and stay paired.

    torchrun's RANK and WORLD_SIZE split the grid; runs are independent, so ranks exchange nothing.
    """
    jobs = [(condition, seed) for seed in config.seeds for condition in config.conditions]
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    return jobs[rank::size]


class Shelf:
    """The data of a process, on its device, which becomes the one that kernels are launched on; made once."""

    def __init__(self, folder: Path | None, device: torch.device) -> None:
        self.folder, self.device = folder, device
        self.known: dict[str, Data] = {}
        if device.type == "cuda":
            torch.cuda.set_device(device)

    def data(self, task: Task) -> Data:
        """Batches of a task's configuration; its description goes to data.json of the grid."""
        config = task.config
        key = repr((config.data, config.train.batch, config.train.eval_sequences))
        if key not in self.known:
            self.known[key] = Data(load_source(config, self.folder), config, self.device)
        about = task.out / "data.json"
        if not about.exists():
            task.out.mkdir(parents=True, exist_ok=True)
            write_atomic(about, json.dumps(self.known[key].source.describe(), indent=1) + "\n")
        return self.known[key]


def fits(task: Task, share: int, deadline: float) -> bool:
    """Whether there is time for a task on a device that so many work on."""
    return time.monotonic() + task.seconds * share < deadline


#: The part of PyTorch that writes a file names itself where it cannot, and hides why.
_WRITER = "inline_container"


def _perform(task: Task, shelf: Shelf, deadline: float) -> None:
    """Run a task; raises S6FlowError where its training state could not be written."""
    try:
        perform(task.config, shelf.data(task), task.condition, task.seed, task.out, deadline)
    except RuntimeError as error:
        if _WRITER not in str(error):
            raise
        raise S6FlowError(
            "a training state must be written whole", f"{error}".splitlines()[0],
            str(run_folder(task.out, task.condition, task.seed)), "Is the disk full? The same command resumes.",
        ) from error  # fmt: skip


def _work(
    out: Path, folder: Path | None, device: str, share: int, deadline: float, todo: Any, said: Any, threads: int
) -> None:
    """A worker process: takes tasks until there are none or time is up."""
    end_with_parent()
    torch.set_num_threads(threads)
    shelf = Shelf(folder, torch.device(device))
    while (task := todo.get()) is not None:
        if not fits(task, share, deadline):
            continue
        try:
            _perform(task, shelf, deadline)
        except S6FlowError as error:
            said.put(("failed", str(error)))
        except Exception as error:
            with (out / "errors.log").open("a") as stream:
                stream.write(f"{task.config.name} {task.name}\n{traceback.format_exc()}")
            said.put(("failed", f"{type(error).__name__}: {error} (errors.log has the traceback)"))
            if "CUDA" in str(error) and not isinstance(error, torch.OutOfMemoryError):
                break  # its context is lost; the other workers go on
        else:
            said.put(("done", f"{task.config.name} {task.name}"))
    said.put(("end", ""))


def _in_process(
    folder: Path | None, device: torch.device, deadline: float, tasks: Sequence[Task], report: Report
) -> None:
    shelf = Shelf(folder, device)
    for index, task in enumerate(tasks):
        if time.monotonic() >= deadline:
            return
        if fits(task, 1, deadline):
            report(task.name, index, len(tasks))
            _perform(task, shelf, deadline)
    report("done", len(tasks), len(tasks))


def run_tasks(
    tasks: Sequence[Task],
    out: Path,
    *,
    folder: Path | None = None,
    devices: Sequence[torch.device] | None = None,
    workers: int = 1,
    minutes: float | None = None,
    report: Report = lambda text, done, total: None,
) -> list[Task]:
    """Run what is missing of some tasks, in their order; options as in `run_grid`.

    A task that its estimate says would not end in time is not begun; a smaller one behind it may be.

    Args:
        tasks: of any grids, all below `out`.
        out: a folder that only one such call works in at a time.
    Returns: the tasks that are still unfinished.
    """
    devices = pick_devices(None) if devices is None else devices
    deadline = math.inf if minutes is None else time.monotonic() + 60.0 * minutes  # one clock for all processes

    def missing() -> list[Task]:
        return [task for task in tasks if finished(task.config, task.out, task.condition, task.seed) is None]

    with alone_in(out, shared=int(os.environ.get("WORLD_SIZE", "1")) > 1):
        todo = missing()
        for task in todo:
            mend_log(run_folder(task.out, task.condition, task.seed))
        places = [device for _ in range(max(1, workers)) for device in devices]
        threads = threads_of_each(len(places))
        if len(todo) == 1 or (todo and len(places) == 1):
            with threads_set(threads):
                _in_process(folder, places[0], deadline, todo, report)
        elif todo:
            side_by_side(out, folder, places[: len(todo)], deadline, todo, report, threads)
        return missing()


def run_grid(
    config: Config,
    out: Path,
    *,
    folder: Path | None = None,
    devices: Sequence[torch.device] | None = None,
    workers: int = 1,
    minutes: float | None = None,
    report: Report = lambda text, done, total: None,
) -> list[Job]:
    """Run what is missing of this rank's share of a grid.

    Args:
        config: the grid.
        out: its folder; finished runs in it are kept, unfinished ones resumed.
        folder: prepared data.
        devices: default `pick_devices(None)`.
        workers: processes that train side by side on each device.
        minutes: stop cleanly after this time; the same call resumes.
        report: called with (what, runs done, runs in all).
    Returns: the jobs that are still unfinished.
    Raises: S6FlowError: a run failed; the others keep their results. FormatError: another run works in `out`.
    """
    tasks = [Task(config, out, *job) for job in jobs_of_rank(config)]
    left = run_tasks(tasks, out, folder=folder, devices=devices, workers=workers, minutes=minutes, report=report)
    return [(task.condition, task.seed) for task in left]


def side_by_side(
    out: Path,
    folder: Path | None,
    places: Sequence[torch.device],
    deadline: float,
    tasks: Sequence[Task],
    report: Report,
    threads: int,
) -> None:
    """One worker process at every place, with so many threads each; they take tasks from one queue."""
    context = mp.get_context("spawn")  # a CUDA context does not survive fork
    todo, said = context.Queue(), context.Queue()
    out.mkdir(parents=True, exist_ok=True)
    for task in [*tasks, *[None] * len(places)]:
        todo.put(task)
    processes = [
        context.Process(
            target=_work,
            args=(out, folder, str(device), places.count(device), deadline, todo, said, threads),
            daemon=True,
        )
        for device in places
    ]
    for process in processes:
        process.start()
    failures = list[str]()
    try:
        failures = listen(processes, said, len(tasks), report, deadline + GRACE)
    except BaseException:  # an interruption, too: what this process no longer hears must not train on
        for process in processes:
            process.terminate()
        raise
    finally:
        for process in processes:
            process.join(timeout=30.0)
        todo.cancel_join_thread()
    if failures:
        more = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
        raise S6FlowError("every run of a grid must end", failures[0] + more, "worker", "Run it again to resume.")


def listen(processes: Sequence[Any], said: Any, jobs: int, report: Report, latest: float) -> list[str]:
    """Until all workers have said that they are at their end, or until `latest`; what went wrong."""
    running, done, failures = len(processes), 0, list[str]()
    while running:
        if time.monotonic() > latest:
            failures.append(f"{running} workers were still measuring {GRACE:g} s after the end, and were ended")
            for process in processes:
                process.terminate()
            break
        try:
            kind, text = said.get(timeout=1.0)
        except queue.Empty:
            if not any(process.is_alive() for process in processes):
                failures.append("a worker ended without a word (killed, or out of memory)")
                break
            continue
        if kind == "done":
            done += 1
            report(text, done, jobs)
            continue
        if kind == "failed":
            failures.append(text)
        else:
            running -= 1
    return failures
