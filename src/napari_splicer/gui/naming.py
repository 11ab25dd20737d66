"""Names: of channels, those that a group of cells can't have, and what cells are compared by."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from napari_splicer.analysis_settings import component_of, sources_in
from napari_splicer.errors import listed
from napari_splicer.gui.snapshot import Notice

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from anndata import AnnData

    from napari_splicer.config import Component
    from napari_splicer.events import Stage
    from napari_splicer.gui.session import Session
    from napari_splicer.images.image import MultiplexImage

_NAMED = 8  # channels that are named in a sentence
UNSURE = "uncertainty of "


def refusal(name: str, taken: Collection[str]) -> str:
    """Say why a group can't be called ``name``; empty if it can.

    Examples
    --------
    >>> refusal("T cells", {"B cells"})
    ''
    >>> refusal("B cells", {"B cells"})
    'There is a group B cells already.'
    """
    if name in taken:
        return f"There is a group {name} already."
    if _reads_as_missing(name):
        return (
            f"A group can't be called {name}: whoever opens the exported table would find no value "
            "there. Call it e.g. unknown or not assigned."
        )
    return ""


def _reads_as_missing(name: str) -> bool:
    """Return whether readers of tables take the name for a missing value, as they do with NA."""
    import pandas as pd

    text = pd.DataFrame({"group": [name]}).to_csv(index=False)
    return bool(pd.read_csv(StringIO(text))["group"].isna().any())


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """Return ``wanted``, numbered if it is taken.

    Examples
    --------
    >>> free_name("groups", ["groups", "groups_2"])
    'groups_3'
    """
    used = {name.lower() for name in taken}
    name, number = wanted, 2
    while name.lower() in used:
        name, number = f"{wanted}_{number}", number + 1
    return name


def uncertainty_words(name: str) -> str:
    """Return what the uncertainty of taught types is called among a session's measures.

    Examples
    --------
    >>> uncertainty_words("types")
    'uncertainty of types'
    """
    return f"{UNSURE}{name}"


def source_words(source: str | Sequence[str]) -> str:
    """Return one source, or several, in a biologist's words.

    Examples
    --------
    >>> source_words("chunk:immune")
    'component immune'
    >>> source_words(["intensity", "chunk:immune", "chunk:stroma"])
    'mean marker intensity, components immune, stroma'
    """
    words = {
        "combined": "looks and intensity together",
        "representation": "looks (the model's numbers)",
        "intensity": "mean marker intensity",
    }
    sources = sources_in(source)
    components = [name for each in sources if (name := component_of(each)) is not None]
    said = [words[each] for each in sources if each in words]
    if components:
        said.append(f"component{'s' if len(components) > 1 else ''} {', '.join(components)}")
    return ", ".join(said)


def offered_sources(table: AnnData) -> tuple[str, ...]:
    """Return what the cells of a table can be compared by, the most telling first."""
    from napari_splicer.analysis.sources import available_sources

    sources = available_sources(table)
    first = [s for s in ("combined", "representation", "intensity") if s in sources]
    return (*first, *(source for source in sources if source not in first))


def in_no_component(components: Sequence[Component], channels: Sequence[str]) -> str:
    """Say which channels no component looks at; empty where each is in one.

    Examples
    --------
    >>> from napari_splicer.config import Component
    >>> in_no_component([Component(name="all", channels=("CD3",))], ["CD3", "DNA"])
    'In no component: DNA.'
    """
    named = {name for component in components for name in component.channels}
    rest = [name for name in channels if name not in named]
    if not rest or not components:
        return ""
    return f"In no component: {listed(rest, _NAMED)}."


def rename_channels(session: Session, image: MultiplexImage) -> None:
    """Take the session's image with other names for its channels, in the panel's groups too."""
    before = () if session.image is None else session.image.channels
    known_as = dict(zip(before, image.channels, strict=True))
    session.panel_groups = {
        group: tuple(known_as.get(name, name) for name in names)
        for group, names in session.panel_groups.items()
    }
    session.image = image


def say(session: Session, why: str, stage: Stage = "cluster") -> bool:
    """Tell why a name was refused, or nothing more of the one before; return whether it was not."""
    if why:
        session.notice = Notice("error", why, stage)
    elif session.notice is not None and session.notice.kind == "error":
        session.notice = None  # it was, at the latest, about the name tried before
    return not why
