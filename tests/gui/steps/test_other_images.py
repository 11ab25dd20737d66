"""What was suggested for one image gives way when another comes; a person's own does not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component
from napari_splicer.gui.panels import take_names, take_panel
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.steps.components_step import ComponentsStep

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_splicer.gui.session import Session
    from napari_splicer.images.image import MultiplexImage


@pytest.fixture
def suggested(session: Session, qtbot: QtBot) -> Session:
    """A session whose components were suggested, beside the step that does so."""
    session.components = ()
    session.step = ComponentsStep(session)
    qtbot.addWidget(session.step)
    qtbot.waitUntil(lambda: bool(session.components), timeout=30_000)
    return session


def channels_of(session: Session) -> set[str]:
    return {name for component in session.components for name in component.channels}


def turn_to(session: Session, image: MultiplexImage, qtbot: QtBot) -> None:
    step = session.step
    session.image = image
    qtbot.waitUntil(lambda: not step.suggesting.errand.busy, timeout=30_000)


def test_a_suggestion_is_made_anew_for_other_channels(suggested: Session, qtbot: QtBot) -> None:
    image = suggested.image
    others = replace(image, channels=tuple(f"other {name}" for name in image.channels))
    turn_to(suggested, others, qtbot)
    assert channels_of(suggested) <= set(others.channels)
    assert suggested.components == suggested.suggested
    assert resolve(suggested.snapshot()).steps["components"].status == "done"


def test_more_channels_of_the_same_names_are_not_left_out(suggested: Session, qtbot: QtBot) -> None:
    image = suggested.image
    turn_to(suggested, image.select(image.channels[:4]), qtbot)
    assert channels_of(suggested) <= set(image.channels[:4])
    turn_to(suggested, image, qtbot)
    assert channels_of(suggested) - set(image.channels[:4])


def test_channels_that_no_component_looks_at_are_said(suggested: Session) -> None:
    channels = suggested.image.channels
    suggested.components = (Component(name="mine", channels=channels[:2]),)
    rest = suggested.step.rest.text()
    assert rest == f"In no component: {', '.join(channels[2:10])} and 2 more."
    suggested.components = (Component(name="all", channels=channels),)
    assert suggested.step.rest.text() == ""


def test_a_persons_own_components_stay(suggested: Session, qtbot: QtBot) -> None:
    own = (Component(name="mine", channels=suggested.image.channels[:2]),)
    suggested.components = own
    turn_to(suggested, suggested.image.select(suggested.image.channels[1:]), qtbot)
    assert suggested.components == own
    assert "mine" in resolve(suggested.snapshot()).steps["components"].why


def test_components_that_a_loaded_model_replaced_can_be_had_again(
    suggested: Session, qtbot: QtBot
) -> None:
    image = suggested.image
    suggested.components = own = (Component(name="mine", channels=image.channels[:2]),)
    others = Decomposition.per_channel(image.channels[:3])
    suggested.bundle = SimpleNamespace(decomposition=others, can_do_without=False)
    suggested.components = others.components
    actions = suggested.step.suggest_button.menu().actions()
    assert actions[-1].text().startswith("Your own")
    actions[-1].trigger()
    assert suggested.components == own


def panel(folder: Path, channels: tuple[str, ...], left_out: tuple[str, ...] = ()) -> Path:
    path = folder / f"panel-{len(left_out)}.csv"
    lines = [f"{name},{name},{int(name not in left_out)}" for name in channels]
    path.write_text("\n".join(["channel,name,keep", *lines]))
    return path


def test_a_channel_renamed_by_hand_and_one_left_out_by_a_panel(
    suggested: Session, tmp_path: Path, qtbot: QtBot
) -> None:
    image = suggested.image
    take_names(suggested, image.with_channels(["nuclei", *image.channels[1:]]))
    assert suggested.components == suggested.suggested
    path = panel(tmp_path, image.channels, left_out=image.channels[1:3])
    assert take_panel(suggested, path)
    qtbot.waitUntil(lambda: not suggested.step.suggesting.errand.busy, timeout=30_000)
    assert channels_of(suggested) <= set(suggested.image.channels)
    assert not channels_of(suggested) & set(image.channels[1:3])


def test_panels_that_leave_out_different_channels_rename_nothing(
    suggested: Session, tmp_path: Path
) -> None:
    channels = suggested.image.channels
    suggested.components = (Component(name="mine", channels=channels[3:5]),)
    assert take_panel(suggested, panel(tmp_path, channels, left_out=channels[1:2]))
    assert take_panel(suggested, panel(tmp_path, channels, left_out=channels[-1:]))
    assert suggested.image.channels == channels[:-1]
    assert suggested.components[0].channels == channels[3:5]


def test_what_one_panel_left_out_another_brings_back(suggested: Session, tmp_path: Path) -> None:
    channels = suggested.image.channels
    assert take_panel(suggested, panel(tmp_path, channels, left_out=channels[1:3]))
    assert suggested.image.channels == (channels[0], *channels[3:])
    assert take_panel(suggested, panel(tmp_path, channels))
    assert suggested.image.channels == channels
    assert "12 channel names" in suggested.notice.text
