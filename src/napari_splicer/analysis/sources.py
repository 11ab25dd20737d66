"""What the cells of a table can be compared by, and what is to be said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.analysis_settings import chunk_of, component_of, sources_in
from napari_splicer.embedding.table import chunk_slices
from napari_splicer.errors import InvalidSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData


def available_sources(table: AnnData) -> tuple[str, ...]:
    """Return the names that :func:`napari_splicer.analysis.features.features` takes for this table.

    Returns
    -------
    tuple of str
        ``"intensity"`` always; ``"representation"``, ``"combined"`` and ``"chunk:<component>"``
        where the table comes from a model.
    """
    sources = ["intensity"]
    if "X_splicer" in table.obsm:
        sources += ["representation", "combined"]
    return (*sources, *map(chunk_of, chunk_slices(table)))


def check_sources(table: AnnData, source: str | Sequence[str]) -> None:
    """Raise InvalidSettings unless the table has these sources, each named once.

    What there is, is named. At least one has to be.
    """
    wanted, offered = sources_in(source), available_sources(table)
    advice = f"Choose one of: {', '.join(offered)}."
    if not wanted:
        raise InvalidSettings("Nothing is named to compare cells by.", advice)
    for each in wanted:
        if each not in offered:
            raise InvalidSettings(f"This table has no '{each}' to compare cells by.", advice)
        if wanted.count(each) > 1:
            raise InvalidSettings(f"Cells can't be compared by '{each}' twice.", advice)


def in_quotes(source: str | Sequence[str]) -> str:
    """Return sources as a sentence names them.

    Examples
    --------
    >>> in_quotes(["intensity", "chunk:immune"])
    "'intensity' and 'chunk:immune'"
    """
    return " and ".join(f"'{each}'" for each in sources_in(source))


def said_of_blank(table: AnnData, source: str | Sequence[str]) -> tuple[str, ...]:
    """Say of every component whose chunk cells are compared by, which images lack it, if any do."""
    blank = table.uns.get("splicer", {}).get("blank", {"region": (), "component": ()})
    pairs = [*zip(blank["region"], blank["component"], strict=True)]
    said = []
    for each in sources_in(source):
        images = [str(region) for region, name in pairs if component_of(each) == name]
        if images:
            said.append(
                f"'{each}' is of a component that {', '.join(images)} "
                f"{'lack' if len(images) > 1 else 'lacks'}: what it holds of cells there is "
                "guessed from the other components, so likeness may follow the images."
            )
    return tuple(said)
