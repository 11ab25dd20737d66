from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_splicer.gui.session import Session
from napari_splicer.gui.snapshot import MIXTURE
from napari_splicer.gui.steps.describe_form import DescribeForm
from napari_splicer.gui.widgets.likeness_tick import LikenessTick
from napari_splicer.gui.widgets.settings_form import SettingsForm
from napari_splicer.gui.widgets.wording import Wording
from napari_splicer.images.image import MultiplexImage

pytestmark = pytest.mark.gui


def session_of(pixel_size: float | None) -> Session:
    image = MultiplexImage.from_array(
        np.zeros((2, 400, 600), np.uint8), ["a", "b"], pixel_size=pixel_size
    )
    return Session(image=image)


def test_details_are_of_tiles_where_those_are_described(qtbot, session) -> None:
    form = SettingsForm(session)
    qtbot.addWidget(form)
    box = form.add_switch("augmentation.rotate", "Style of another cell", "a cell has no up")
    title = form.layout().labelForField(box)
    assert (title.text(), box.toolTip()) == ("Style of another cell", "A cell has no up")
    session.settings = session.settings.with_values({"patches.sites": "grid"})
    assert (title.text(), box.toolTip()) == ("Style of another tile", "A tile has no up")


def test_tiles_are_chosen_and_counted(qtbot) -> None:
    session = session_of(0.5)
    form = DescribeForm(session)
    qtbot.addWidget(form)
    form.show()
    assert form.cells.isChecked()
    assert not form.side.isVisible()
    form.tiles.click()
    assert session.of_tiles
    assert form.side.isVisible()
    assert (form.side.value(), form.side.suffix(), form.step.value()) == (32.0, " µm", 16.0)
    assert form.says.text() == f"{len(session.tiles)} tiles of 64 × 64 px. They overlap: " + (
        "in the image you see the middle 32 × 32 px of each."
    )
    form.cells.click()
    assert session.tiles is None
    assert not form.says.isVisible()


def test_lengths_are_kept_in_micrometres_and_the_step_follows_the_side(qtbot) -> None:
    session = session_of(0.5)
    form = DescribeForm(session)
    qtbot.addWidget(form)
    form.tiles.click()
    form.side.setValue(20.0)
    patches = session.settings.patches
    assert (patches.size, patches.size_um, patches.stride) == (40, 20.0, 20)
    form.step.setValue(20.0)
    assert session.settings.patches.stride == 40
    assert session.tiles.side == 40
    form.side.setValue(100.0)  # more pixels than the network is given
    patches = session.settings.patches
    assert (patches.size, patches.size_um, patches.stride) == (64, 100.0, 200)
    assert form.says.text().endswith("tiles of 200 × 200 px, seen at 64 × 64.")


def test_without_a_pixel_size_lengths_are_pixels(qtbot) -> None:
    session = session_of(None)
    form = DescribeForm(session)
    qtbot.addWidget(form)
    form.tiles.click()
    assert (form.side.value(), form.side.suffix()) == (64.0, " px")
    form.side.setValue(100)
    patches = session.settings.patches
    assert (patches.size, patches.size_um, patches.stride) == (100, None, 50)


def test_words_follow_what_is_described(qtbot) -> None:
    session = session_of(None)
    owner = QWidget()
    qtbot.addWidget(owner)
    label = QLabel()
    QVBoxLayout(owner).addWidget(label)
    wording = Wording(owner, session)
    wording.put(label.setText, "All cells")
    assert label.text() == "All cells"
    session.tiling.describe("grid")
    assert label.text() == "All tiles"
    session.tiling.describe("cells")
    assert label.text() == "All cells"


def test_likeness_waits_for_its_colours_and_says_so(qtbot, table) -> None:
    session = Session()
    session.table = table
    likeness = LikenessTick(session)
    qtbot.addWidget(likeness)
    tick = likeness.tick
    assert not tick.isEnabled()
    assert "embed the tiles with a model" in tick.toolTip()
    table.obsm["X_splicer"] = np.zeros((6, 2), np.float32)
    session.mixture = np.zeros((6, 3), np.uint8)
    assert tick.isEnabled()
    tick.click()
    assert session.colour_by == MIXTURE
    tick.click()
    assert session.colour_by is None


def test_tips_of_numbers_say_what_can_be_typed(qtbot, session) -> None:
    form = SettingsForm(session)
    qtbot.addWidget(form)
    batch = form.add_number("training.batch", "Batch", (2, 4096))
    assert batch.toolTip().endswith("\n2 to 4096")
    blur = form.add_percent("augmentation.blur", "Out of focus", (0, 0.5), unset="none")
    assert blur.toolTip().endswith("\nUp to 50.0 %")
