"""The sections of a run file that decide the network and its training.

:mod:`napari_splicer.config` puts them together with the others and is where everybody imports them
from.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import Field, PositiveFloat, model_validator

from napari_splicer.settings import Settings


class ModelSettings(Settings):
    """The network and what it is trained for."""

    objective: Literal["splicer", "je", "sum-je", "concat"] = Field(
        "splicer", description="splicer: a chunk per component; the others are to compare"
    )
    loss: str = Field(
        "vicreg",
        min_length=1,
        description="vicreg, simclr, barlow, mmcr, ssl-ey, simsiam, byol, dino, lejepa, or another "
        "package's",
    )
    encoder: str = Field("compact", description="compact, or timm:<name> for one of timm")
    width: int = Field(32, ge=4, description="channels of the compact encoder's first stage")
    branch_width: int | None = Field(None, ge=4, description="same for branches; unset: half")
    branch_map: int = Field(
        24, ge=4, description="px; branches halve patches until at most so many are left"
    )
    embedding: int = Field(256, ge=8, description="primary embedding, all chunks together")
    hidden: int = Field(512, ge=8, description="projector's hidden layer")
    widths: Literal["equal", "automatic"] = Field(
        "equal",
        description="how components without a width of their own share the embedding: equally, or "
        "by what a short trial finds each of them to need",
    )
    shared: int = Field(0, ge=0, description="chunk aligned between two primary views")
    consistency: float = Field(
        0.0, ge=0, description="weight of each branch's agreement with itself over both views"
    )
    alignment: float = Field(25.0, ge=0, description="weight of vicreg's alignment")
    variance: float = Field(25.0, ge=0, description="weight of vicreg's variance")
    covariance: float = Field(1.0, ge=0, description="weight of vicreg's covariance")
    temperature: float = Field(0.2, gt=0, description="of simclr")
    redundancy: float = Field(0.005, ge=0, description="weight of barlow's redundancy")
    gaussian: float = Field(0.05, ge=0, le=1, description="share of lejepa's Gaussian term")
    directions: int = Field(256, ge=1, description="along which lejepa looks in each batch")
    predictor: Literal["mlp", "direct"] = Field(
        "mlp", description="of simsiam and byol: learned, or DirectPred"
    )
    momentum: float = Field(
        0.99, ge=0, le=1, description="of the teacher of byol and dino, at the start"
    )
    temperatures: tuple[PositiveFloat, PositiveFloat] = Field(
        (0.1, 0.04), description="of dino's student and teacher"
    )
    centring: float = Field(0.9, ge=0, le=1, description="momentum of dino's centres")
    decorrelation: float | None = Field(
        None, ge=0, description="how unlike chunks are kept; unset: as the loss does by itself"
    )
    primary_terms: Literal["sum", "mean"] = Field(
        "sum", description="whether components' terms are summed or averaged beside the primary's"
    )

    @model_validator(mode="after")
    def _room_for_chunks(self) -> ModelSettings:
        if self.shared >= self.embedding:
            raise ValueError("shared must be smaller than embedding, to leave room for components")
        return self


FEWEST_PATCHES = 16
"""With fewer cells (or tiles), no network is trained."""


class TrainingSettings(Settings):
    """How long and how fast.

    ``preset`` chooses the number of steps from the number of patches and the device (more on a
    CUDA device); ``epochs`` overrides it, and ``steps`` both.
    """

    preset: Literal["quick", "standard", "thorough"] = Field("quick", description="how long")
    epochs: int | None = Field(None, ge=1, description="times every patch is seen; unset: preset")
    steps: int | None = Field(None, ge=1, description="number of batches; overrides epochs")
    restarts: tuple[int, ...] = Field(
        (),
        description="steps at which the learning rate warms up and falls anew, because a training "
        "that had come to its end was given more steps; needs steps",
    )
    batch: int = Field(128, ge=4, description="patches per step")
    devices: int = Field(
        1, ge=1, description="how many train together, each on a share of every batch"
    )
    learning_rate: float = Field(1e-3, gt=0, description="largest, after the warm-up")
    weight_decay: float = Field(0.05, ge=0, description="of AdamW")
    warmup: float = Field(
        0.1, ge=0, lt=1, description="fraction of steps in which the learning rate rises"
    )
    clip: float = Field(1.0, gt=0, description="largest gradient norm")
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="decay of a moving average of the weights, e.g. 0.999, which then makes the "
        "model; 0 = the last weights do",
    )
    patience: int = Field(
        0,
        ge=0,
        description="stops early when the loss on a tenth of the patches, which are not trained "
        "on, has not fallen at so many of about 25 looks in a row; 0 = trains to the end",
    )
    component_dropout: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="chance that a patch is shown without a component, so that the model can do "
        "without; unset: 0.1 where an image lacks one, else 0",
    )
    checkpoint_every: int = Field(200, ge=1, description="steps between checkpoints")
    patches: int | None = Field(
        None,
        ge=FEWEST_PATCHES,
        description="most patches that are read, chosen at random where there are more; unset: as "
        "many as the steps look at, at least 20,000",
    )
    cache_gb: float = Field(
        2.0, gt=0, description="GB of memory for training patches; more lie in a temporary file"
    )

    @model_validator(mode="after")
    def _in_order(self) -> TrainingSettings:
        bounds = (0, *self.restarts, self.steps or 0)
        if self.restarts and any(a >= b for a, b in pairwise(bounds)):
            raise ValueError("restarts must be rising, and each less than steps")
        return self
