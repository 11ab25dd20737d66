"""One training in memory: the network, its optimiser, and where they stand."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from napari_splicer.errors import InvalidModel, TrainingFailed
from napari_splicer.patches.shortage import give_back, is_out_of_memory
from napari_splicer.training import looks, schedule
from napari_splicer.training.ahead import Ahead
from napari_splicer.training.averaging import Average
from napari_splicer.training.checkpoint import CheckpointRecord, sorted_out
from napari_splicer.training.device import autocast, seeded
from napari_splicer.training.group import ALONE
from napari_splicer.training.plateau import Plateau
from napari_splicer.training.schedule import Draws, derive_seed, learning_rate, progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from napari_splicer.config import RunConfig
    from napari_splicer.model.record import History
    from napari_splicer.model.splicer import SpliCER
    from napari_splicer.training.data import TrainingData
    from napari_splicer.training.group import Group
    from napari_splicer.training.views import Views

SMALLEST_BATCH = 8
MOST_IN_A_ROW = 5


@dataclass(frozen=True)
class Outcome:
    """What came of one step: metrics, and what the user should know."""

    values: dict[str, float] = field(default_factory=dict)
    remark: str = ""


class Learner:
    """Trains a network step by step.

    Parameters
    ----------
    network : SpliCER
        Moved to the run's device.
    data : TrainingData
        Read.
    views : Views
    config : RunConfig
        Resolved.
    group : Group
        The processes that take every step together.
    """

    def __init__(
        self,
        network: SpliCER,
        data: TrainingData,
        views: Views,
        config: RunConfig,
        group: Group = ALONE,
    ) -> None:
        self._group = group
        self._config = config
        self._data = data
        self._views = views
        self.device = torch.device(config.device)
        self.network = network.to(self.device).train()
        self._optimizer = _optimizer(network, config)
        decay = config.training.ema
        self._average = Average(self.network, decay) if decay else None
        self.settings = config.training
        self.steps = config.training.steps or 0
        self.checkpoint_every = config.training.checkpoint_every
        self.step = 0
        self.batch = config.training.batch
        self.history: History = {}
        self._plateau = Plateau(data, views, config)
        self._skipped = 0
        self._in_a_row = 0
        self._ahead = Ahead(data, views, config, group)

    def close(self) -> None:
        """Take no more steps, and give up what is made for the next."""
        self._ahead.close()

    def advance(self) -> Outcome:
        """Take one step.

        Raises
        ------
        TrainingFailed
            If memory runs out even for a small batch, or the loss is not a number five times in a
            row.
        """
        start = time.perf_counter()
        # The forward pass moves the running means of batch normalisation before the loss is known.
        statistics = [buffer.clone() for buffer in self.network.buffers()]
        try:
            values = self._learn()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._forget(statistics)
            return self._halve_batch(error)
        self.step += 1
        if not values:
            self._forget(statistics)
            return self._skip()
        self._in_a_row = 0
        if self._average is not None:
            self._average.follow(self.network, self.step)
        self._remember(values)
        return Outcome(values | {"patches_per_second": self.batch / (time.perf_counter() - start)})

    @property
    def model(self) -> SpliCER:
        """The network that is kept: the average, where weights are averaged."""
        return self.network if self._average is None else self._average.network

    @property
    def on_a_plateau(self) -> bool:
        """Whether going on is not worth while: see ``training.patience``."""
        return self._plateau.reached

    def look(self) -> dict[str, float]:
        """Return ranks and, where patches are held out, the loss on these; remember them."""
        values, best, waited = self._group.of_first(self._looked)
        self._plateau.best, self._plateau.waited = best, waited
        self._keep(values)
        return values

    def look_closely(self) -> dict[str, float]:
        """Return what :func:`~napari_splicer.training.looks.closely` tells; remember it."""
        values = self._group.of_first(
            lambda: looks.closely(self.model, self._data, self._views, self._config)
        )
        self._keep(values)
        return values

    def _looked(self) -> tuple[dict[str, float], float | None, int]:
        values: dict[str, float] = {}
        try:
            seen = looks.ranks(self.model, self._data, self._views, self._config)
            values = seen | self._plateau.look(self.model, self.batch, self.step)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):  # else this look is left out, for the steps to go on
                raise
        return values, self._plateau.best, self._plateau.waited

    def record(self) -> CheckpointRecord:
        """Return where the training stands."""
        return CheckpointRecord(
            config=self._config,
            **self._data.known_by(),
            step=self.step,
            batch=self.batch,
            skipped=self._skipped,
            in_a_row=self._in_a_row,
            best=self._plateau.best,
            waited=self._plateau.waited,
            history=self.history,
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights and, where there are any, their average and AdamW's moments."""
        tensors = {f"network/{k}": value for k, value in self.network.state_dict().items()}
        if self._average is not None:
            average = self._average.network.state_dict()
            tensors |= {f"average/{k}": value for k, value in average.items()}
        for index, state in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{key}": value for key, value in state.items()}
        return tensors

    def restore(self, record: CheckpointRecord, tensors: Mapping[str, Tensor]) -> None:
        """Go back to where :meth:`record` and :meth:`tensors` were called.

        Raises
        ------
        InvalidModel
            If the tensors do not fit the network.
        """
        networks, optimizer = sorted_out(tensors)
        kept = {"network": self.network}
        if self._average is not None:
            kept["average"] = self._average.network
        parameters = [p for group in self._optimizer.param_groups for p in group["params"]]
        expected = {name: value.shape for name, value in self.network.state_dict().items()}
        found = [{name: value.shape for name, value in networks[which].items()} for which in kept]
        if any(shapes != expected for shapes in found) or not all(
            int(index) < len(parameters)
            and all(value.shape in (parameters[int(index)].shape, ()) for value in state.values())
            for index, state in optimizer.items()
        ):
            raise InvalidModel(
                "The checkpoint's weights do not fit the network.", "Start the training anew."
            )
        for which, network in kept.items():
            network.load_state_dict(networks[which])
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": optimizer, "param_groups": groups})
        self.step, self.batch = record.step, record.batch
        self._skipped, self._in_a_row = record.skipped, record.in_a_row
        self._plateau.go_on(record.best, record.waited, record.step)
        self.history = {name: list(curve) for name, curve in record.history.items()}

    def _learn(self) -> dict[str, float]:
        """Take one step and return its metrics; none if it had to be skipped."""
        settings, seed = self._config.training, self._config.seed
        viewed = self._ahead(self.step, self.batch)
        rate = learning_rate(settings, self.step, self.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        with seeded(derive_seed(seed, Draws.LAYERS, self.step), self.device):
            with autocast(self._config, self.device), self._group.whole_batch(self.network):
                terms = self.network.objective(*viewed)
            self._optimizer.zero_grad(set_to_none=True)
            terms.total.backward()  # type: ignore[no-untyped-call]
        self._group.average_gradients(self.network)
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip)
        # Everything is read at once: each read makes the CPU wait for the device.
        read = torch.stack([norm, terms.total, *terms.parts.values()])
        numbers: list[float] = self._group.of_first(read.tolist)
        if not all(map(math.isfinite, numbers[:2])):
            return {}
        self._optimizer.step()
        self.network.after_step(progress(settings, self.step, self.steps))
        names = ["loss", *(f"loss/{name}" for name in terms.parts)]
        return dict(zip(names, numbers[1:], strict=True)) | {"learning_rate": rate}

    def _forget(self, statistics: Sequence[Tensor]) -> None:
        """Undo what a step that was not taken has left in the network."""
        for buffer, before in zip(self.network.buffers(), statistics, strict=True):
            buffer.copy_(before)
        self._optimizer.zero_grad(set_to_none=True)

    def _skip(self) -> Outcome:
        self._skipped += 1
        self._in_a_row += 1
        if self._in_a_row >= MOST_IN_A_ROW:
            raise TrainingFailed(
                f"The loss was not a number {MOST_IN_A_ROW} times in a row, up to step "
                f"{self.step}.",
                "Lower the learning rate (training.learning_rate), use precision fp32, and check "
                "the image for extreme values.",
            )
        return Outcome(
            remark=f"Step {self.step} was skipped: its loss was not a number ({self._skipped} so "
            "far)."
        )

    def _halve_batch(self, error: Exception) -> Outcome:
        give_back(self.device)
        # The others wait in the middle of a step: what one can't hold, all can't.
        if self.batch // 2 < SMALLEST_BATCH or self._group.size > 1:
            raise TrainingFailed(
                f"The device's memory does not hold a batch of {self.batch} patches.",
                "Close other programs that use it, make the network or the patches smaller, or "
                "train on the CPU.",
            ) from error
        self.batch //= 2
        self._plateau.begin_anew()
        return Outcome(
            remark=f"The device's memory ran out: batches now have {self.batch} patches."
        )

    def _remember(self, values: Mapping[str, float]) -> None:
        if schedule.due_for_the_curve(self.settings, self.step, self.steps):
            self._keep(values)

    def _keep(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if math.isfinite(value):  # JSON has no other numbers
                self.history.setdefault(name, []).append((self.step, value))


def _optimizer(network: nn.Module, config: RunConfig) -> torch.optim.AdamW:
    """Return AdamW (arXiv 1711.05101); biases and normalisation do not decay."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim > 1]},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, weight_decay=config.training.weight_decay)
