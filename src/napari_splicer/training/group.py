"""What the processes of one training are to each other: who takes which patches, what all agree on.

One process by itself is a group of its own, in which everything here does nothing.
"""

from __future__ import annotations

import logging
import os
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

import torch

from napari_splicer.errors import InvalidSettings, TrainingFailed
from napari_splicer.events import Cancel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn

    from napari_splicer.config import RunConfig
    from napari_splicer.model.splicer import SpliCER

T = TypeVar("T")


class OthersEnded(TrainingFailed):
    """Another process of the training has ended; what it died of is the one thing worth telling."""


class Group:
    """The processes that take the steps of one training together; here, a single one.

    Attributes
    ----------
    rank : int
        Of this process, from 0. The first one tells what happens and writes the files.
    size : int
        How many processes there are.
    """

    rank: int = 0
    size: int = 1

    def here(self, run: RunConfig) -> RunConfig:
        """Return the run with the device of this process."""
        return run

    def part(self, batch: int) -> slice:
        """Return which rows of a batch are this process's: an equal share of those that follow.

        Raises
        ------
        InvalidSettings
            If the batch can't be shared equally.
        """
        check_shares(batch, self.size)
        share = batch // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def of_first(self, make: Callable[[], T]) -> T:
        """Return what ``make`` returns in the first process; the others do not call it.

        All processes must call this at the same places.
        """
        return make()

    def agreed(self, cancel: Cancel) -> Cancel:
        """Return a token that all processes read alike: that of the first one."""
        return cancel

    def whole_batch(self, network: SpliCER) -> AbstractContextManager[object]:
        """Return a context in which losses and batch normalisation see the batch of all processes.

        What is lost is then the same number everywhere, and :meth:`average_gradients` gives the
        gradient that one process with the whole batch would have.
        """
        return nullcontext()

    def average_gradients(self, network: nn.Module) -> None:
        """Replace every gradient by its mean over the processes."""

    def leave(self) -> None:
        """End the connection to the others; nothing can be agreed on any more."""


ALONE = Group()


class Joined(Group):
    """A process that the others of its training can reach, through lightning-fabric.

    Whoever started the processes, :mod:`~napari_splicer.training.devices` or torchrun, has told
    each in its environment which one it is. CUDA devices talk by NCCL, processes on a CPU by Gloo.

    Parameters
    ----------
    kind : str
        Of the devices: ``"cuda"`` or ``"cpu"``.
    """

    def __init__(self, kind: str) -> None:
        from lightning_fabric import Fabric
        from lightning_fabric.plugins.environments.lightning import LightningEnvironment

        # It greets every process that joins.
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
        count, here = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
        self._fabric = Fabric(
            accelerator=kind,
            devices=here,
            num_nodes=count // here,
            strategy="ddp",
            plugins=[LightningEnvironment()],
        )
        with _others_needed():
            self._fabric.launch()
        self.rank, self.size = self._fabric.global_rank, self._fabric.world_size

    def here(self, run: RunConfig) -> RunConfig:
        """Return the run with the device of this process."""
        return run.model_copy(update={"device": str(self._fabric.device)})

    def of_first(self, make: Callable[[], T]) -> T:
        """Return what ``make`` returns in the first process; the others do not call it."""
        made = make() if self.rank == 0 else None
        with _others_needed():
            return self._fabric.broadcast(made)  # type: ignore[return-value]

    def agreed(self, cancel: Cancel) -> Cancel:
        """Return a token that all processes read alike: that of the first one."""
        return _Agreed(self, cancel)

    def whole_batch(self, network: SpliCER) -> AbstractContextManager[object]:
        """Return a context in which losses and batch normalisation see all processes' batch."""
        from napari_splicer.training.whole_batch import WholeBatch

        losses = [loss for loss in (network.loss, network.branch_loss) if loss is not None]
        return WholeBatch(self, losses)

    def average_gradients(self, network: nn.Module) -> None:
        """Replace every gradient by its mean over the processes; all at once."""
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        mean = self.sum(flat).div_(self.size)
        parts = torch.split(mean, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def sum(self, tensor: Tensor) -> Tensor:
        """Return the sum of all processes' tensors, in place of this one's."""
        with _others_needed():
            # Fabric's own waits for everybody once more before every sum.
            torch.distributed.all_reduce(tensor)
        return tensor

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """Return all processes' tensors, in the order of their ranks."""
        tensor = tensor.contiguous()
        gathered = [torch.empty_like(tensor) for _ in range(self.size)]
        with _others_needed():
            torch.distributed.all_gather(gathered, tensor)
        return gathered

    def leave(self) -> None:
        """End the connection to the others."""
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


class _Agreed(Cancel):
    """A token of which every look is one of all processes at that of the first one."""

    def __init__(self, group: Group, cancel: Cancel) -> None:
        super().__init__()
        self._group = group
        self._cancel = cancel
        self._paused = False

    @property
    def requested(self) -> bool:
        """Whether a stop was asked for in the first process."""
        asked = self._group.of_first(lambda: (self._cancel.requested, self._cancel.paused))
        self._paused = asked[1]
        return asked[0]

    @property
    def paused(self) -> bool:
        """Whether the first process was asked to hold, when that was last looked at."""
        return self._paused

    def still_paused(self, seconds: float) -> bool:
        """Wait as long as the first process does."""
        return self._group.of_first(lambda: self._cancel.still_paused(seconds))


def check_shares(batch: int, devices: int) -> None:
    """Check that a batch can be shared equally.

    Raises
    ------
    InvalidSettings
        If it can't.
    """
    if batch % devices:
        below = batch - batch % devices
        fitting = [str(size) for size in (below, below + devices) if size]
        raise InvalidSettings(
            f"A batch of {batch} patches can't be shared equally between {devices} devices.",
            f"Set training.batch to {' or '.join(fitting)}.",
        )


@contextmanager
def _others_needed() -> Iterator[None]:
    """Say in a sentence that another process can't be reached."""
    try:
        yield
    except RuntimeError as error:  # torch.distributed raises that, or a kind of it
        raise OthersEnded(
            "Another of the processes that train together can't be reached any more.",
            "If nothing else is said about it, it was ended from outside, or memory ran out.",
        ) from error
