"""Names of channels: given by hand, or taken with groups from a panel file. No Qt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.errors import InvalidPanel, SplicerError
from napari_splicer.gui.naming import rename_channels, say
from napari_splicer.gui.snapshot import Notice

if TYPE_CHECKING:
    from pathlib import Path

    from napari_splicer.gui.session import Session
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.panel import Panel


def take_panel(session: Session, path: Path, *, for_groups: bool = False) -> bool:
    """Take channel names from a panel file, and its groups if it has any; say what, or why not.

    Components that were merely suggested give way to the groups, as long as nothing is made.

    Parameters
    ----------
    session : Session
    path : Path
    for_groups : bool
        Whether a panel without groups is of no use.

    Returns
    -------
    bool
        False where nothing was taken.
    """
    from napari_splicer.images.panel import read_panel

    if session.image is None:
        why = f"{path.name} was not read: choose an image first, as a panel names its channels."
        session.notice = Notice("error", why, "open")
        return False
    image = session.image.whole or session.image  # what a panel before left out may be in this one
    try:
        panel = read_panel(path)
        named = panel.apply(image)
        if len(named.channels) < len(image.channels):
            named = replace(named, whole=image)
        if for_groups and not panel.groups:
            raise InvalidPanel(
                f"{panel.source} has no column 'group', or nothing in it, so it suggests no "
                "components.",
                "Drop it on step ① Image for the names of its channels alone.",
            )
    except SplicerError as error:
        session.notice = Notice("error", str(error), "open")
        return False
    offered = not gives_way(session)
    step, doubt = f"Take names from {path.name}", panel.doubt(image)
    with session.set_up.step(step):
        if panel.groups and not offered:
            session.components = ()
        session.panel_groups = {}
        take_names(session, named)
        session.panel_groups = panel.groups
    words = _taken(path.name, panel, image, named, offered=offered)
    if doubt:
        session.notice = Notice("warning", f"{words} {doubt}", "open", undo=step)
    else:
        session.notice = Notice("info", words, "open")
    return True


def rename_channel(session: Session, place: int, name: str) -> bool:
    """Give a channel another name, a step that can be undone; False, and why, if it can't have it.

    Components and the panel's groups follow.
    """
    image = session.image
    if image is None:
        return False
    old, new = image.channels[place], name.strip()
    why = ""
    if not new:
        why = f"A channel needs a name, so {old} keeps its own."
    elif new != old and new in image.channels:
        why = f"There is a channel {new} already, so {old} keeps its name."
    if not say(session, why, "open") or new == old:
        return False
    names = [new if name == old else name for name in image.channels]
    with session.set_up.step(f"Rename channel {old} to {new}"):
        take_names(session, image.with_channels(names))
    return True


def gives_way(session: Session) -> bool:
    """Return whether the components are a mere suggestion, and nothing was made of them."""
    return session.bundle is None and session.components == session.suggested


def of_other_channels(session: Session, made_for: tuple[str, ...]) -> bool:
    """Return whether the components are a mere suggestion, for another panel of channels.

    Parameters
    ----------
    session : Session
    made_for : tuple of str
        Channels of the image that the suggestion was made for; empty where that is not known.
    """
    named = {name for component in session.components for name in component.channels}
    here = () if session.image is None else session.image.channels
    other = not named.issubset(here) or made_for not in ((), here)
    return other and gives_way(session) and not session.colours


def take_names(session: Session, renamed: MultiplexImage) -> None:
    """Take the image with other channel names, in the components too if no channel came or went."""
    image, components = session.image, session.components
    if image is None:
        return
    if (image.places, len(image.channels)) == (renamed.places, len(renamed.channels)):
        new = dict(zip(image.channels, renamed.channels, strict=True))
        untouched = components == session.suggested
        components = Decomposition(components).rename_channels(new).components
        if untouched:
            session.suggested = components
        rename_channels(session, renamed)
    else:
        session.image = renamed
    session.components = components


def _taken(
    file: str, panel: Panel, before: MultiplexImage, after: MultiplexImage, *, offered: bool
) -> str:
    """Say in sentences what was taken from a panel file."""
    count, dropped = len(after.channels), len(before.channels) - len(after.channels)
    said = [f"{count} channel names were taken from {file}."]
    if dropped:
        one = dropped == 1
        said.append(
            f"{dropped} channel{' is' if one else 's are'} left out, as it says under 'keep' or "
            "'remove'."
        )
    groups = len(panel.groups)
    if groups:
        what = "1 group is" if groups == 1 else f"{groups} groups are"
        where = (
            "offered under Suggestions in step ② Components"
            if offered
            else "suggested as components in step ②"
        )
        said.append(f"Its {what} {where}.")
    return " ".join(said)
