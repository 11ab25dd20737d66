"""Rows for experts: the network and its training, beyond what the presets leave to choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.gui.losses import OWN

if TYPE_CHECKING:
    from napari_splicer.config import RunConfig
    from napari_splicer.gui.widgets.settings_form import SettingsForm

_SCOPES = {"dataset": "Images alike", "image": "Each by itself"}
_ENCODERS = r"compact|timm:\S+"
_PARTED = ("splicer", "sum-je")  # objectives with a branch per component


def add_expert_rows(form: SettingsForm) -> None:
    """Add what advice and run files name and the rows above lack."""
    _add_network(form)
    _add_parts(form)
    _add_training(form)


def _add_network(form: SettingsForm) -> None:
    form.add_heading("Network")
    form.add_words(
        "model.encoder",
        "Kind",
        _ENCODERS,
        "compact is made for patches as small as cells. Or a network of the timm library, "
        "if that is installed, for large patches: timm: and its name, e.g. timm:resnet18",
    )
    width = form.add_number(
        "model.width",
        "Width",
        (4, 1024),
        tip="How much the network can take in. A wider one can tell finer differences apart where "
        "there are many cells to learn from; training and embedding take longer",
    )
    form.only_where(width, _not_compact)
    branches = form.add_number(
        "model.branch_width",
        "Width of branches",
        (3, 1024),
        unset="half",
        tip="The same for the small networks that each see one component, in training only. Widen "
        "them where components have many markers",
    )
    form.only_where(branches, _no_branches)


def _add_parts(form: SettingsForm) -> None:
    form.add_heading("Components' parts (chunks)")
    apart = form.add_open(
        "model.decorrelation",
        "Keep chunks apart",
        100.0,
        0.1,
        "by the loss",
        "How strongly components' parts of the description are kept from telling the same. "
        "0: not at all. Left to the loss, VICReg, Barlow Twins, SSL-EY and LeJEPA do so "
        "with strength 1, the others do not. Raise it where the program says that chunks "
        "hardly differ",
    )
    form.only_where(apart, _no_chunks)
    steady = form.add_real(
        "model.consistency",
        "Steadiness",
        (0.0, 100.0),
        decimals=2,
        lowest="not",
        tip="Above 0, what is learned of each component by itself must also stay the same however "
        "a cell is varied, with this weight beside the rest; training takes longer",
    )
    form.only_where(steady, _no_branches)
    shared = form.add_number(
        "model.shared",
        "Shared part",
        (0, 4095),
        lowest="none",
        tip="So many numbers of the description are learned from the whole patch instead of any "
        "component: for what only shows in all markers together",
    )
    form.only_where(shared, _no_chunks)
    sharpness = form.add_real(
        "model.temperature",
        "Temperature",
        (0.01, 10.0),
        decimals=2,
        tip="The lower, the harder the model must tell very similar cells apart; too low, and "
        "cells of one kind scatter",
    )
    form.only_where(sharpness, _not_simclr)


def _add_training(form: SettingsForm) -> None:
    form.add_heading("Training")
    patience = form.add_number(
        "training.patience",
        "Stop early after",
        (0, 25),
        lowest="never",
        tip="Keeps a tenth of the cells apart, looks about 25 times how well the model predicts "
        "them, and stops when so many looks in a row were no better",
    )
    patience.setSuffix(" looks")
    form.add_real(
        "training.ema",
        "Average of weights",
        (0.0, 0.9999),
        decimals=4,
        lowest="not taken",
        tip="The model becomes an average of how it was over its last steps, about 1,000 with "
        "0.999, which evens out what the very last cells did to it; for long trainings",
    )
    dropout = form.add_open(
        "training.component_dropout",
        "Leave components out",
        0.95,
        0.05,
        "as needed",
        "How often a cell is shown without one of the components, so that the model can "
        "describe images that were not stained for it. As needed: 10 % if an image that is "
        "trained on lacks one, else never",
        percent=True,
    )
    form.only_where(dropout, _all_parts_needed)
    form.add_choice(
        "normalization.scope",
        "Brightness scaled",
        _SCOPES,
        "Which intensities are dark and which are bright: found once, so that images stay "
        "comparable, or for each image, where stainings differ more than tissues do",
    )


def _not_compact(settings: RunConfig) -> str:
    if settings.model.encoder == "compact":
        return ""
    return "Only of the compact network: those of timm have widths of their own."


def _no_branches(settings: RunConfig) -> str:
    if settings.model.objective in _PARTED:
        return ""
    return "Counts for nothing here: what is trained for has no branch for each component."


def _no_chunks(settings: RunConfig) -> str:
    if settings.model.objective == "splicer":
        return ""
    return "Only where every component gets its part, which is what SpliCER trains for."


def _not_simclr(settings: RunConfig) -> str:
    loss = settings.model.loss
    return "" if loss == "simclr" else f"Only of the loss SimCLR; yours is {OWN.get(loss, loss)}."


def _all_parts_needed(settings: RunConfig) -> str:
    if settings.model.objective in _PARTED:
        return ""
    return "Counts for nothing here: what is trained for can't do without a component."
