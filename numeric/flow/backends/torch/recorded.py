"""Work that is done again and again on the same tensors: on CUDA recorded as a graph, so that Python is out of the way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import torch

__all__ = ["AHEAD", "repeated"]

#: How often a recorded work is done before anyone looks.
AHEAD = 16


def repeated(work: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """The same work for less: elsewhere itself, on CUDA a replay of it, `AHEAD` times a call.

    Args:
        work: reads and writes tensors in place, makes no decision on the host and does not wait for the device. On
            CUDA it is done once here, which chooses kernels and loads libraries before the recording.
    """
    if device.type != "cuda":
        return work
    work()
    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()  # a recording has memory of its own: it cannot use what this left, nor what earlier ones had
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        graph.capture_begin()
        try:
            work()
        except BaseException:
            with suppress(RuntimeError):  # that the recording is spoiled: why it is says the first error
                graph.capture_end()
            raise
        graph.capture_end()
    torch.cuda.current_stream(device).wait_stream(stream)

    def replay() -> None:
        for _ in range(AHEAD):
            graph.replay()

    return replay
