"""VariationPanel: how strongly cells are varied in training, and what that looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_splicer.gui.steps.cell_preview import CellPreview
from napari_splicer.gui.steps.page import text
from napari_splicer.gui.widgets.settings_form import SettingsForm
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from napari_splicer.gui.readiness import Readiness
    from napari_splicer.gui.session import Session

_WHY = (
    "In training, each cell is shown in ever new variations, and the model learns to recognise it. "
    "What is varied here it learns to ignore: vary what says nothing about a cell, nothing else."
)


class VariationPanel(QWidget):
    """One row per family of augmentations (``RunConfig.augmentation``), and a varied cell.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.form = SettingsForm(session)
        self._add_shape()
        self._add_staining()
        self.preview = CellPreview(session, "One cell, varied", varied=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        why = text(small=True)
        self._wording = Wording(self, session)
        self._wording.put(why.setText, _WHY)
        column.addWidget(why)
        column.addWidget(self.form)
        column.addWidget(self.preview)

    def _add_shape(self) -> None:
        form = self.form
        form.add_switch(
            "augmentation.rotate",
            "Turned",
            "By any angle: a cell has no up and down. Switch off only where direction matters.",
        )
        form.add_switch(
            "augmentation.flip", "Mirrored", "Left-right and top-bottom, each with a chance of half"
        )
        form.add_percent(
            "augmentation.scale",
            "Zoomed, ±",
            (0, 0.49),
            "Shown larger or smaller by up to this. Much of it hides how large cells are.",
            unset="not",
        )
        form.add_percent(
            "augmentation.shift",
            "Shifted, ±",
            (0, 0.49),
            "Moved by up to this share of the patch's side, so that it does not matter whether a "
            "cell lies exactly in the middle",
            unset="not",
        )
        form.add_number(
            "augmentation.mask_jitter",
            "Outlines, ± px",
            (0, 8),
            tip="Outlines of cells and of further masks grow or shrink, and move, by up to so many "
            "pixels, so that nothing hangs on where exactly the segmentation drew them",
        )

    def _add_staining(self) -> None:
        form = self.form
        form.add_percent(
            "augmentation.gain",
            "Brightness, ±",
            (0, 0.99),
            "Every marker by itself is made brighter or darker by up to this, as stains vary "
            "between slides. It also hides how much of a marker a cell has: leave it out if that "
            "is what tells your cells apart.",
            unset="not",
        )
        form.add_percent(
            "augmentation.noise",
            "Grain",
            (0, 1),
            "Noise that is added to every pixel; 100 % is as strong as a bright signal",
            unset="not",
        )
        form.add_percent(
            "augmentation.blur",
            "Out of focus",
            (0, 1),
            "How many of the variations are lightly blurred",
            unset="none",
        )
        form.add_percent(
            "augmentation.styles",
            "Style of another cell",
            (0, 1),
            "All cells that are shown together take on the brightness and the coarse structure of "
            "one of them, so that slides can't be told apart (Batch Styles Standardization); how "
            "much of the structure, from the coarsest. How bright a marker is, is then lost.",
            unset="not",
        )

    def show_readiness(self, readiness: Readiness) -> None:
        """Say why no cell can be shown yet."""
        self.preview.show_state(readiness.steps["components"])
