"""A grid of runs over workers that share a GPU, over ranks of a torchrun, and over interruptions."""

from __future__ import annotations

import math
import multiprocessing as mp
import os
import queue
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from s6flow.errors import FormatError, S6FlowError
from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.config import Config
from s6flow.numeric.experiments.run import finished, load_source, perform
from s6flow.processes import alone_in, end_with_parent

__all__ = ["jobs_of_rank", "pick_devices", "run_grid"]

Job = tuple[str, int]
Report = Callable[[str, int, int], None]


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


def _work(
    config: Config, out: Path, folder: Path | None, device: str, deadline: float, todo: Any, said: Any, threads: int
) -> None:
    """A worker process: takes jobs until there are none or time is up."""
    end_with_parent()
    torch.set_num_threads(threads)
    try:
        data = _data(config, folder, torch.device(device))
        while time.monotonic() < deadline:
            job = todo.get()
            if job is None:
                break
            condition, seed = job
            perform(config, data, condition, seed, out, deadline)
            said.put(("done", f"{condition} s{seed}"))
        said.put(("end", ""))
    except S6FlowError as error:
        said.put(("error", str(error)))
    except Exception as error:
        with (out / "errors.log").open("a") as stream:
            stream.write(traceback.format_exc())
        said.put(("error", f"{type(error).__name__}: {error} (errors.log has the traceback)"))


def _data(config: Config, folder: Path | None, device: torch.device) -> Data:
    """A process's data, on its device, which becomes the one that kernels are launched on."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return Data(load_source(config, folder), config, device)


def _in_process(
    config: Config,
    out: Path,
    folder: Path | None,
    device: torch.device,
    deadline: float,
    jobs: list[Job],
    report: Report,
) -> None:
    data = _data(config, folder, device)
    for index, (condition, seed) in enumerate(jobs):
        if time.monotonic() >= deadline:
            return
        report(f"{condition} s{seed}", index, len(jobs))
        perform(config, data, condition, seed, out, deadline)
    report("done", len(jobs), len(jobs))


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
    devices = pick_devices(None) if devices is None else devices
    deadline = math.inf if minutes is None else time.monotonic() + 60.0 * minutes  # one clock for all processes

    def missing() -> list[Job]:
        return [job for job in jobs_of_rank(config) if finished(config, out, *job) is None]

    with alone_in(out, shared=int(os.environ.get("WORLD_SIZE", "1")) > 1):
        jobs = missing()
        places = [device for _ in range(max(1, workers)) for device in devices][: len(jobs)]
        if len(places) == 1:
            _in_process(config, out, folder, places[0], deadline, jobs, report)
        elif jobs:
            _side_by_side(config, out, folder, places, deadline, jobs, report)
        return missing()


def _side_by_side(
    config: Config,
    out: Path,
    folder: Path | None,
    places: Sequence[torch.device],
    deadline: float,
    jobs: list[Job],
    report: Report,
) -> None:
    """One worker process at every place; they take jobs from one queue."""
    context = mp.get_context("spawn")  # a CUDA context does not survive fork
    todo, said = context.Queue(), context.Queue()
    out.mkdir(parents=True, exist_ok=True)
    for job in [*jobs, *[None] * len(places)]:
        todo.put(job)
    threads = max(1, (os.cpu_count() or 1) // len(places))
    processes = [
        context.Process(
            target=_work, args=(config, out, folder, str(device), deadline, todo, said, threads), daemon=True
        )
        for device in places
    ]
    for process in processes:
        process.start()
    failures = list[str]()
    try:
        failures = _listen(processes, said, len(jobs), report)
    except BaseException:  # an interruption, too: what this process no longer hears must not train on
        for process in processes:
            process.terminate()
        raise
    finally:
        for process in processes:
            process.join(timeout=30.0)
        todo.cancel_join_thread()
    if failures:
        raise S6FlowError("every run of a grid must end", failures[0], "worker", "Run it again to resume.")


def _listen(processes: Sequence[Any], said: Any, jobs: int, report: Report) -> list[str]:
    """Until all workers have said that they are at their end; what went wrong."""
    running, done, failures = len(processes), 0, list[str]()
    while running:
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
        running -= 1
        if kind == "error":
            failures.append(text)
    return failures
