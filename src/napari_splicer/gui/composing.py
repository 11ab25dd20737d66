"""What a person does to components, each a step that can be undone. No Qt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_splicer.components.suggestion import suggestions
from napari_splicer.config import Component
from napari_splicer.gui.component_colours import change_components, recolour_component
from napari_splicer.gui.naming import free_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_splicer.components.suggestion import Suggestion
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.snapshot import Snapshot
    from napari_splicer.model.bundle import Bundle


def add(session: Session) -> None:
    """Add a component without channels, after all others."""
    new = Component(name=free_name("component", _names(session)), channels=())
    with session.set_up.step(f"Add component '{new.name}'"):
        change_components(session, (*session.components, new))


def duplicate(session: Session, place: int) -> None:
    """Add another component like this one, after it."""
    now, one = session.components, session.components[place]
    twin = one.model_copy(update={"name": free_name(one.name, _names(session))})
    with session.set_up.step(f"Duplicate component '{one.name}'"):
        change_components(session, (*now[: place + 1], twin, *now[place + 1 :]))


def remove(session: Session, place: int) -> None:
    """Take a component away."""
    now = session.components
    with session.set_up.step(f"Remove component '{now[place].name}'"):
        change_components(session, now[:place] + now[place + 1 :])


def move(session: Session, place: int, target: int) -> None:
    """Give a component another place."""
    order = list(session.components)
    order.insert(target, order.pop(place))
    with session.set_up.step(f"Move component '{session.components[place].name}'"):
        change_components(session, order)


def change(session: Session, place: int, changed: Component) -> None:
    """Take another component in the place of one, which it was made from."""
    now = session.components
    with session.set_up.step(_what_changed(now[place], changed)):
        others = (*now[:place], changed, *now[place + 1 :])
        change_components(session, others, {now[place].name: changed.name})


def recolour(session: Session, place: int, colour: str) -> None:
    """Give a component another colour, ``"#rrggbb"``."""
    with session.set_up.step(f"Colour component '{session.components[place].name}'"):
        recolour_component(session, place, colour)


def begin_with(session: Session, suggestion: Suggestion) -> None:
    """Take a suggestion that nobody asked for, which is no step: there was nothing to lose."""
    session.suggested = tuple(suggestion.components)
    session.colours = {}
    session.components = session.suggested


def take(session: Session, suggestion: Suggestion) -> None:
    """Replace the components by a suggestion's."""
    with session.set_up.step(f"Take the suggestion '{suggestion.title}'"):
        session.colours = {}
        session.components = tuple(suggestion.components)


def take_model(session: Session, bundle: Bundle) -> None:
    """Use a loaded model in the place of the one there is, with the components it was trained on.

    The model that gives way comes back when the step is undone.
    """
    with session.set_up.step("Use a trained model"):
        made_from = dict(session.made_from)
        made_from.pop("train", None)
        session.made_from = made_from
        session.bundle = bundle
        session.components = tuple(bundle.decomposition.components)


def place_of(
    edited: Component, place: int, before: Sequence[Component], now: Sequence[Component]
) -> int | None:
    """Return where a component is after others took their places; None if it is not there.

    Parameters
    ----------
    edited : Component
    place : int
        Where it was.
    before, now : sequence of Component
        All, before and after. One that has another name now, and nothing else, is where it was.
    """
    names = [component.name for component in now]
    if edited.name in names:
        return names.index(edited.name)
    others_stay = other_names(now, place) == other_names(before, place)
    return place if others_stay and len(now) == len(before) else None


def other_names(components: Sequence[Component], place: int) -> list[str]:
    """Return the names of all components but one."""
    return [component.name for i, component in enumerate(components) if i != place]


def _names(session: Session) -> list[str]:
    return [component.name for component in session.components]


def _what_changed(old: Component, new: Component) -> str:
    """Say what is changed, as a step is called.

    Examples
    --------
    >>> one = Component(name="immune", channels=("CD3",))
    >>> _what_changed(one, one.model_copy(update={"channels": ("CD3", "CD8")}))
    "Put CD8 into component 'immune'"
    """
    fields = [name for name in type(old).model_fields if getattr(old, name) != getattr(new, name)]
    if fields == ["name"]:
        return f"Rename component '{old.name}' to '{new.name}'"
    if fields == ["region"]:
        return f"Let component '{new.name}' look elsewhere"
    if fields == ["width"]:
        width = "an equal share of" if new.width is None else f"{new.width}"
        return f"Give component '{new.name}' {width} numbers"
    if fields == ["channels"]:
        come = [name for name in new.channels if name not in old.channels]
        gone = [name for name in old.channels if name not in new.channels]
        if len(come) + len(gone) == 1:
            where = "Put {} into" if come else "Take {} out of"
            return f"{where.format(*come, *gone)} component '{new.name}'"
        return f"Choose other markers for component '{new.name}'"
    return f"Change component '{new.name}'"


def suggested(now: Snapshot) -> tuple[Suggestion, ...]:
    """Find suggestions, in a worker."""
    fields = now.fields()
    if now.of_tiles:  # which no component may tell from a cell
        fields = tuple(replace(field, cells=None) for field in fields)
    return suggestions(fields, now.panel_groups)
