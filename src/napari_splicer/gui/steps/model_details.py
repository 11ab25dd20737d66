"""Rows for whoever wants more than a preset: what is trained for, on what, and how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.gui.losses import offered_losses

if TYPE_CHECKING:
    from napari_splicer.gui.widgets.settings_form import SettingsForm

_OBJECTIVES = {
    "splicer": "SpliCER: every component gets its part",
    "je": "Joint embedding: the whole patch (to compare)",
    "sum-je": "Whole embedding, all components (to compare)",
    "concat": "A network per component (to compare)",
}
_RESOLUTIONS = {"fitting": "As fine as the network sees", "full": "Full"}
_WIDTHS = {"equal": "Equal", "automatic": "Automatic: a short trial first"}
_DEVICES = {
    "auto": "the fastest that is there",
    "cpu": "CPU",
    "cuda": "NVIDIA GPU",
    "mps": "Apple GPU",
}


def add_detail_rows(form: SettingsForm) -> None:
    """Add the rows."""
    _add_learning(form)
    _add_patches(form)
    _add_description(form)
    _add_computing(form)


def _add_learning(form: SettingsForm) -> None:
    form.add_choice(
        "model.objective",
        "Trained for",
        _OBJECTIVES,
        "What the network is taught. With SpliCER each component fills a part of the description "
        "of its own; the others are there to compare with",
    )
    form.add_choice(
        "model.loss",
        "Loss",
        offered_losses(),
        "How the network is told that two views are of the same cell. VICReg does well on most "
        "images; another one may tell more of yours, which only a comparison shows",
    )
    form.add_number(
        "training.epochs",
        "Epochs",
        (0, 10_000),
        "by preset",
        "How often every cell is looked at, instead of what the preset above says",
    )
    form.add_number(
        "training.batch",
        "Batch",
        (4, 4096),
        tip="How many cells are compared with one another in each step. More take more memory; "
        "if it runs out, the batch is halved by itself",
    )
    form.add_real(
        "training.learning_rate",
        "Learning rate",
        (1e-5, 1.0),
        tip="How far the network may change in one step, at most. Lower it if the curves jump up "
        "and down or training stops with an error",
    )


def _add_patches(form: SettingsForm) -> None:
    form.add_number(
        "patches.size",
        "Patch side (px)",
        (8, 512),
        tip="Pixels that the network sees of each cell and what lies around it, along each side. "
        "More show finer detail and take longer",
    )
    unset = "as many pixels of the image"
    form.add_real(
        "patches.size_um",
        "Patch side (µm)",
        (0.0, 5000.0),
        unset,
        1,
        "How much tissue that is, in µm: images of different pixel sizes then show cells equally "
        "large. Needs the image's pixel size (step 1)",
    )
    form.add_choice(
        "patches.resolution",
        "Resolution read",
        _RESOLUTIONS,
        "Where an image holds smaller copies of itself: whether cells are cut from the one that "
        "fits, which is faster, or always from the largest",
    )


def _add_description(form: SettingsForm) -> None:
    form.add_number(
        "model.embedding",
        "Embedding size",
        (8, 4096),
        tip="How many numbers the components share while the network learns. Raise it where the "
        "report says that parts of the description are full",
    )
    form.add_choice(
        "model.widths",
        "Widths of the chunks",
        _WIDTHS,
        "How these numbers are shared out: alike, or by how much each component needs, which a "
        "short training finds out beforehand",
    )


def _add_computing(form: SettingsForm) -> None:
    form.add_choice(
        "device",
        "Computed on",
        _DEVICES,
        "What the network is trained on. A graphics card is usually faster than the processor; "
        "one that is not there is told when training starts",
    )
    form.add_switch(
        "own_process",
        "Give memory back",
        "Train in a process of its own: when it ends, other programs get all the memory that it "
        "held, that of the GPU too. The model is the same; starting takes some seconds longer, and "
        "an image that is in memory is there twice meanwhile",
    )
    form.add_number(
        "seed",
        "Seed",
        (0, 2**31 - 1),
        tip="A number from which all chance is drawn: the same one gives the same model again, "
        "another one shows how much of a result is chance",
    )
