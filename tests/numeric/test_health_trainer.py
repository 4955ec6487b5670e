"""The callback in a run of Hugging Face's own Trainer: a planted decay is told of before its layer dies, where the run reports."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

from s6flow.numeric.health import training  # noqa: E402
from s6flow.numeric.health.numbers import UNIT_ROUNDOFF  # noqa: E402
from s6flow.numeric.health.training import DYING, HealthMonitor, trainer_callback  # noqa: E402

pytestmark = pytest.mark.usefixtures("alone", "frozen")
STEPS, EVERY, VOCABULARY = 36, 2, 16


@pytest.fixture
def frozen() -> None:
    """A Trainer collects garbage between steps: what is there already is passed over, which is all of what tests have made."""
    gc.freeze()


class Reporter(transformers.TrainerCallback):  # type: ignore[misc]
    """What TensorBoard, Weights & Biases and the like are to a Trainer: it gets `on_log`."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, dict[str, float]]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:
        self.seen.append((int(state.global_step), dict(logs)))


def model() -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "state_size": 4, "num_hidden_layers": 2, "time_step_rank": 2}
    return transformers.MambaForCausalLM(transformers.MambaConfig(vocab_size=VOCABULARY, use_cache=False, **sizes))


def optimizer(network: Any, decay: float) -> Any:
    """AdamW whose decay takes `decay` of the first block's weights a step, and hardly moves them otherwise."""
    first = list(network.backbone.layers[0].mixer.parameters())
    ids = {id(part) for part in first}
    rest = [part for part in network.parameters() if id(part) not in ids]
    planted = {"params": first, "lr": 1e-7, "weight_decay": decay / 1e-7}
    return torch.optim.AdamW([planted, {"params": rest, "lr": 1e-3, "weight_decay": 0.0}])


def trained(folder: Path, decay: float, told: bool) -> tuple[Any, Reporter, HealthMonitor, list[str]]:
    """A run of so many steps: its trainer, what was reported, and what was warned of, in order."""
    network, reporter = model(), Reporter()
    tokens = torch.randint(VOCABULARY, (32, 12), generator=torch.Generator().manual_seed(1))
    options = transformers.TrainingArguments(
        output_dir=str(folder), max_steps=STEPS, per_device_train_batch_size=4, logging_steps=6, report_to=[],
        use_cpu=True, save_strategy="no", disable_tqdm=True, max_grad_norm=0.0,
    )  # fmt: skip
    step = optimizer(network, decay)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        patch.setattr(training, "BUDGET", 1e6)  # as if it had run for long, so that no look is left out
        monitor = HealthMonitor(network, every=EVERY, optimizer=step)
        trainer = transformers.Trainer(
            network, options, train_dataset=[{"input_ids": row, "labels": row} for row in tokens],
            optimizers=(step, torch.optim.lr_scheduler.ConstantLR(step, 1.0)), callbacks=[reporter],
        )  # fmt: skip
        trainer.add_callback(trainer_callback(monitor, trainer if told else None))
        trainer.train()
    return trainer, reporter, monitor, [str(row.message) for row in said]


def test_a_planted_decay_is_told_of_before_the_layer_dies(tmp_path: Path) -> None:
    trainer, reporter, monitor, said = trained(tmp_path, 0.5, told=True)
    held = [text for text in said if "weight decay" in text and "put it in a group" in text]
    assert any(text.startswith("backbone.layers.0.mixer.A_log:") for text in held)
    assert not any("layers.1." in text for text in held)
    dying, dead = (
        [text for text in said if text.startswith("step ") and f" is {word} (" in text] for word in ("dying", "dead")
    )
    assert len(dying) == len(dead) == 1  # of one layer, each once
    assert "backbone.layers.0.mixer" in dying[0]
    assert "backbone.layers.0.mixer" in dead[0]
    first, last = (int(text.split()[1].rstrip(":")) for text in (*dying, *dead))
    assert 0 < first < last <= STEPS
    history = {row["step"]: row for row in trainer.state.log_history if "health/response" in row}
    assert list(history) == list(range(EVERY, STEPS + 1, EVERY))
    assert UNIT_ROUNDOFF <= history[first]["health/response"] < DYING <= history[first - EVERY]["health/response"]
    assert history[last]["health/response"] < UNIT_ROUNDOFF <= history[last - EVERY]["health/response"]
    assert history[last]["health/dead"] == 1
    sent = {step: logs for step, logs in reporter.seen if "health/response" in logs}
    assert list(sent) == list(history)
    assert all(sent[step]["health/response"] == row["health/response"] for step, row in history.items())
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert len(losses) == STEPS // 6  # the run's own logs are as they were
    assert monitor.last is not None
    assert not monitor.last.layers[1].fatal


def test_without_decay_nothing_is_told_and_a_callback_alone_keeps_to_the_history(tmp_path: Path) -> None:
    trainer, reporter, _, said = trained(tmp_path, 0.0, told=False)
    assert not any("dying" in text or "is dead" in text or "weight decay" in text for text in said)
    assert sum("health/response" in row for row in trainer.state.log_history) == STEPS // EVERY
    assert not any("health/response" in logs for _, logs in reporter.seen)
