"""Where a simulation runs: the table of simulators by device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from s6flow.errors import AssumptionError, MissingDependencyError
from s6flow.numeric.audit.simulation.integrator import Columns, Simulation, Simulator, TokenStates, simulate_layer
from s6flow.numeric.weights import S6Layer

__all__ = ["SIMULATORS", "simulations", "simulator"]


def on_cpu(states: TokenStates | None) -> Simulator:
    """The simulator that needs nothing.

    Raises: AssumptionError: token states are given, which only whole-layer flows start from.
    """
    if states is not None:
        raise AssumptionError("token states start the flows of whole layers", "cpu", "device", "Add --device cuda.")
    return simulate_layer


def on_cuda(states: TokenStates | None) -> Simulator:
    """The simulator on this machine's GPU; PyTorch and mamba-ssm are loaded when it is asked for.

    Raises: MissingDependencyError: PyTorch, CUDA or mamba-ssm is not there.
    """
    try:
        from s6flow.numeric.audit.simulation import kernel
    except ImportError as error:
        raise MissingDependencyError(
            "simulation on cuda needs its library", error, "device", "Leave --device out: it runs on the CPU."
        ) from None
    return kernel.on_cuda(states)


#: Device -> what makes its simulator, given token states or None.
SIMULATORS: dict[str, Callable[[TokenStates | None], Simulator]] = {"cpu": on_cpu, "cuda": on_cuda}


def simulator(device: str, states: TokenStates | None = None) -> Simulator:
    """The function that simulates a layer on a device; `states`: see `kernel.on_cuda`.

    Raises: AssumptionError: unknown device. MissingDependencyError: it needs what is not there.
    """
    if device not in SIMULATORS:
        raise AssumptionError("the device must be one of " + ", ".join(SIMULATORS), device, "device")
    return SIMULATORS[device](states)


def simulations(
    judged: Iterable[tuple[S6Layer, Columns]], seed: int, device: str, states: TokenStates | None = None
) -> Iterator[Simulation]:
    """Simulations of several layers in their order, each as `simulator` has it; on a GPU several layers at once.

    Args:
        judged: layers and their channel columns, read when their turn comes.
        seed: of the starts.
        device, states: as `simulator`, which says what they must be.
    """
    one = simulator(device, states)
    if device == "cuda":
        from s6flow.numeric.audit.simulation import kernel

        return kernel.simulate_layers(judged, seed, states)
    return (one(layer, columns, seed) for layer, columns in judged)
