"""The sections of the report, each a heading, what it means in plain words, and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_splicer.model.findings import (
    COLLAPSED,
    DIFFERENT,
    FEWEST_STEPS,
    OUTLINE,
    REPEATED,
    margin,
)
from napari_splicer.report.elements import Content, element, table
from napari_splicer.report.heat_map import heat_map

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

    from napari_splicer.model.diagnostics import Alignment, Diagnostics
    from napari_splicer.model.findings import Finding
    from napari_splicer.report.page import Model

CURVES = (
    "The loss says how far the network is from what it is trained for; only its course matters. "
    "Where it still falls at the end, a longer training may give more. The rank says how many "
    "independent things the network tells apart."
)
LOST = 0.1
"""R² below which next to nothing is known of a marker (a rule of thumb)."""

_OBJECTIVES = {
    "splicer": "SpliCER: every component fills a chunk of its own",
    "je": "Joint embedding (JE): the whole patch, without components",
    "sum-je": "sum-JE: the whole embedding for every component, without chunks",
    "concat": "Concat: one network for each component",
}
_SIDE_BY_SIDE = 8
"""Chunks of which two tables fit beside each other."""

_ELSEWHERE = {"version", "inputs", "components", "output"}
_LATER = {"embedding", "clusterings", "taught", "projection", "export"}
"""Settings that are told in sections of their own or are paths, and those of later stages."""


def titled(title: str, meaning: str, *contents: Content, kind: str = "") -> Element:
    """Return a section with its heading and what it means."""
    return element(
        "section",
        element("h2", title),
        element("p", meaning, class_="soft"),
        *contents,
        class_=kind,
    )


def header(model: Model, name: str) -> Element:
    """Return the title, and which model this is."""
    found = model.diagnostics
    when = (
        f"Trained until {found.date.replace('T', ' ').replace('+00:00', ' UTC')}. " if found else ""
    )
    versions = ", ".join(f"{what} {version}" for what, version in model.versions.items())
    notes = [element("p", text) for text in (model.notes, model.licence) if text]
    return element(
        "header",
        element("h1", name),
        element("p", f"What the model learned. {when}{_objective(model)}."),
        element("p", "Model ", element("code", model.hash), f" · {versions}", class_="soft"),
        *notes,
    )


def verdict(found: Sequence[Finding], unready: str) -> Element:
    """Return the findings with their advice."""
    if unready:
        title, content = "Too early to say", element("p", unready)
    elif not found:
        title = "Nothing stands out"
        content = element(
            "p",
            "No component has collapsed, none is uninformative, and none repeats another.",
        )
    else:
        title = "What to look at"
        items = [
            element("li", element("b", finding.message), f" {finding.advice}") for finding in found
        ]
        content = element("ul", *items)
    kind = "box warn" if found or unready else "box"
    return element("section", element("h2", title), content, class_=kind)


def without_numbers() -> Element:
    """Return what to say of a model that was not looked at."""
    return element(
        "section",
        element("h2", "No diagnostics"),
        element(
            "p",
            "This model holds no numbers about what it learned: it was trained by an older "
            "version, stopped before its first step, or gave values that are not numbers. Train it "
            "again to see them.",
        ),
        class_="box warn",
    )


def training(model: Model) -> Element:
    """Return what the model was trained on."""
    found, patches = model.diagnostics, model.config.patches
    size = f"{patches.size} × {patches.size} pixels"
    if patches.size_um is not None:
        size += f", {patches.size_um:g} × {patches.size_um:g} µm"
    rows: list[tuple[str, str]] = []
    if found is not None:
        planned = model.config.training.steps
        steps = f"{found.steps:,}"
        if planned is not None and found.steps < planned:
            steps += f" of {planned:,} planned"
        where = "one for each cell" if patches.sites == "cells" else "tiles of a grid"
        rows = [
            ("Images", f"{len(found.images):,}: {', '.join(found.images)}"),
            ("Patches", f"{found.trained:,} ({where}), {size} each"),
            ("Steps", f"{steps}, of up to {model.config.training.batch} patches each"),
        ]
    else:
        rows = [("Patches", f"{size} each")]
    rows.append(("Channels", f"{len(model.channels)}: {', '.join(model.channels)}"))
    return element("section", element("h2", "What it was trained on"), table((), rows))


def components(model: Model) -> Element:
    """Return the components: channels, region, width and weight."""
    widths = (
        {}
        if model.diagnostics is None
        else {part.name: str(part.width) for part in model.diagnostics.chunks}
    )
    rows = [
        (
            part.name,
            ", ".join(part.channels),
            part.region.describe(),
            widths.get(part.name, str(part.width or "–")),
            f"{part.weight:g}",
        )
        for part in model.decomposition.components
    ]
    head = ("component", "channels", "where it looks", "width", "weight")
    meaning = (
        "Each component is some channels, seen in a region, and fills a chunk of the embedding "
        "that is so many numbers wide."
    )
    if model.config.model.objective == "je":
        meaning = "This model was trained on whole patches: its components were not looked at."
    return titled("Components", meaning, table(head, rows))


def ranks(found: Diagnostics) -> Element:
    """Return the effective ranks."""
    meaning = (
        "How many independent things are told apart (RankMe, arXiv 2210.02885), measured on "
        f"{found.patches} patches. A rank below {COLLAPSED:g} (less where the chunk is up to 4 "
        "numbers wide; a rule of thumb) means that a chunk has collapsed: it says nearly the same "
        "of every patch. Near its width, a chunk is full: where others use "
        'little of theirs, model.widths = "automatic" shares the embedding by need.'
    )
    rows = [
        (title, f"{part.rank:.1f}", f"of {part.width}")
        for title, part in (
            ("whole representation", found.representation),
            *((part.name, part) for part in found.chunks),
        )
    ]
    return titled("Rank", meaning, table(("", "rank", "width"), rows, "numbers"))


def alignments(found: Diagnostics) -> Element:
    """Return how well each component is recognised, against the shuffled pairing."""
    beaten = margin(found.patches)
    meaning = (
        "The network sees a patch, a component shows the same patch seen anew: how often does what "
        "the chunk tells lie nearer to it than to another patch's (1 always, 0.5 by chance)? In "
        "the second column the staining is another patch's, while the region, such as the cell's "
        "outline, stays. A component whose staining counts beats that by "
        f"{beaten:.2f} or more (three standard errors); where the second column is above "
        f"{OUTLINE:g} too, the outline alone is told. Judged after {FEWEST_STEPS} steps. The "
        "advice for a component that does not: drop it, or merge it with another."
    )
    rows = [
        (item.name, f"{item.own:.2f}", f"{item.shuffled:.2f}", _beats(item, beaten))
        for item in found.alignments
    ]
    head = ("", "own staining", "another's staining", "staining counts")
    return titled("Is each component informative?", meaning, table(head, rows, "numbers"))


def markers(found: Diagnostics) -> Element:
    """Return chunk × marker R²."""
    meaning = (
        "How much of each marker's variation (mean over the cell, on the network's scale) can be "
        "read out of each chunk: R² of a ridge regression, cross-validated, between images where "
        "there are several. 1 is all, 0 or less is nothing. A chunk also knows markers that are "
        "not in its component, where they go along with its own in this tissue; a marker that no "
        "column knows is rare here, mere noise, or lost to the model."
    )
    parts = (("whole", found.representation), *((part.name, part) for part in found.chunks))
    values = [[part.r2[row] for _, part in parts] for row in range(len(found.markers))]
    shown = [heat_map(found.markers, [title for title, _ in parts], values)]
    best = zip(found.markers, values, strict=True)
    lost = [name for name, row in best if max((v for v in row if v is not None), default=1) < LOST]
    if lost:
        words = f"Next to nothing (R² below {LOST:g}) is known of {', '.join(lost)}."
        shown.insert(0, element("p", words))
    return titled("What each chunk knows of each marker", meaning, *shown, kind="long")


def similarity(found: Diagnostics) -> Element:
    """Return chunk × chunk CKA."""
    meaning = (
        "How much two chunks say the same (linear CKA, arXiv 1905.00414): 0 nothing in common, 1 "
        f"the same. From {REPEATED:g} on, two components repeat each other, and one of them would "
        "do: merge them. The second table is of what the components themselves show, each seen by "
        f"its own branch. Where that is below {DIFFERENT:g} although the chunks are alike, the "
        "components differ and the loss has not kept their chunks apart."
    )
    names = [part.name for part in found.chunks]
    squares = [
        element("div", element("p", title), heat_map(names, names, values))
        for title, values in (("Chunks", found.similarity), ("Components", found.counterparts))
    ]
    shown = element("div", *squares, class_="columns" if len(names) <= _SIDE_BY_SIDE else "")
    return titled("Do chunks repeat each other?", meaning, shown)


def settings(model: Model) -> Element:
    """Return all settings but paths, a table for each section."""
    tree = model.config.model_dump(mode="json", exclude=_ELSEWHERE | _LATER)
    flat = {key: value for key, value in tree.items() if not isinstance(value, dict)}
    groups = {"run": flat, **{key: value for key, value in tree.items() if isinstance(value, dict)}}
    tables = [
        table((title, ""), [(key, _plain(value)) for key, value in group.items()], "settings")
        for title, group in groups.items()
    ]
    return titled(
        "Settings",
        "As they were used, in the run file's words. Paths are left out.",
        element("div", *tables, class_="columns"),
        kind="long",
    )


def _objective(model: Model) -> str:
    objective = str(model.config.model.objective)
    return _OBJECTIVES.get(objective, objective)


def _beats(item: Alignment, beaten: float) -> Content:
    if item.own - item.shuffled >= beaten:
        return "yes"
    return element("span", "no", class_="verdict")


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return "–" if value is None else str(value)
