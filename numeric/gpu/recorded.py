"""Work that is done again and again on the same tensors: on CUDA recorded as a graph, so that Python is out of the way."""

from __future__ import annotations

from collections.abc import Callable

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
    torch.cuda.empty_cache()  # the memory of earlier recordings, which nothing else can use
    work()
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        graph.capture_begin()
        try:
            work()
        finally:
            graph.capture_end()
    torch.cuda.current_stream(device).wait_stream(stream)

    def replay() -> None:
        for _ in range(AHEAD):
            graph.replay()

    return replay
