"""The callback in a run of Lightning's own Trainer: numbers of health arrive where the run logs, at the steps that were asked for."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.usefixtures("alone"), pytest.mark.filterwarnings("ignore")]
STEPS, EVERY, VOCABULARY = 8, 3, 8


@pytest.fixture
def network(tiny_mamba: Callable[..., Any]) -> Any:
    """A language model of Hugging Face, as a Lightning module; Lightning takes seconds to import, so only here."""
    lightning = pytest.importorskip("lightning.pytorch")

    class Network(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def training_step(self, batch: Any, index: int) -> Any:
            loss = self.inner(input_ids=batch, labels=batch).loss
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            return pytest.importorskip("torch").optim.AdamW(self.parameters(), lr=1e-3)

    return Network(tiny_mamba())


def test_numbers_arrive_where_the_run_logs(network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lightning.pytorch as lightning
    import torch
    from lightning.pytorch.loggers import CSVLogger

    from s6flow.numeric.health import training

    monkeypatch.setattr(training, "BUDGET", 1e6)  # as if it had run for long, so that no look is left out
    monitor = training.HealthMonitor(network.inner, every=EVERY)
    trainer = lightning.Trainer(
        max_steps=STEPS, log_every_n_steps=1, accelerator="cpu", callbacks=[training.lightning_callback(monitor)],
        logger=CSVLogger(str(tmp_path), name="run", version="0"), enable_progress_bar=False, enable_checkpointing=False,
        enable_model_summary=False,
    )  # fmt: skip
    tokens = torch.randint(VOCABULARY, (4 * STEPS, 6), generator=torch.Generator().manual_seed(1))
    trainer.fit(network, torch.utils.data.DataLoader(tokens, batch_size=4))
    with (tmp_path / "run" / "0" / "metrics.csv").open() as stream:
        rows = {int(row["step"]) + 1: row for row in csv.DictReader(stream)}
    assert set(rows) == set(range(1, STEPS + 1))
    assert all(row["loss"] for row in rows.values())
    told = [step for step in rows if rows[step]["health/response"]]
    assert min(told) == EVERY
    changed = [step for step in told[1:] if rows[step]["health/response"] != rows[step - 1]["health/response"]]
    assert changed == [2 * EVERY]  # between looks Lightning repeats what it last logged
