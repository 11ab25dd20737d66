"""Colours of components: each keeps its own while others come, go and change places. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.analysis.palette import group_colours
from napari_splicer.analysis.regrouping import next_colour

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_splicer.config import Component
    from napari_splicer.gui.session import Session


def component_colours(components: Sequence[Component], kept: Mapping[str, str]) -> tuple[str, ...]:
    """Return the colour of every component, ``"#RRGGBB"``: that kept by its name, or a free one."""
    if not any(component.name in kept for component in components):
        return tuple(group_colours(len(components)))
    colours = [kept.get(component.name, "") for component in components]
    for place, colour in enumerate(colours):
        colours[place] = colour or next_colour(colours)
    return tuple(colours)


def change_components(
    session: Session, components: Sequence[Component], renamed: Mapping[str, str] | None = None
) -> None:
    """Take other components; those that were there keep their colours, under new names too.

    Parameters
    ----------
    session : Session
    components : sequence of Component
    renamed : mapping of str to str, optional
        From old to new names.
    """
    now = session.components
    colours = zip(now, component_colours(now, session.colours), strict=True)
    known = {(renamed or {}).get(one.name, one.name): colour for one, colour in colours}
    names = [component.name for component in components]
    session.colours = {name: known[name] for name in names if name in known}
    session.components = tuple(components)


def recolour_component(session: Session, place: int, colour: str) -> None:
    """Give a component another colour, ``"#rrggbb"``."""
    now = session.components
    kept = dict(
        zip((one.name for one in now), component_colours(now, session.colours), strict=True)
    )
    session.colours = {**kept, now[place].name: colour}
