"""LayOffer: a mask of the image's size that lies elsewhere in the viewer is laid on the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.reading import size_of
from napari_splicer.gui.steps.page import text
from napari_splicer.gui.transforms import lay_over, lie_together

if TYPE_CHECKING:
    from napari_splicer.gui.layers import ViewerLink

_WORDS = (
    "The mask {} has the image's size, but lies elsewhere in the viewer: its scale or place is "
    "another. Cells are measured as if it lay on the image, but shown, clicked and drawn around "
    "where it lies now."
)
_TIP = "Give the mask the image's scale and place; its cells stay as they are"


class LayOffer(QWidget):
    """Shown while the chosen mask does not lie on the chosen image, pixel by pixel.

    Parameters
    ----------
    link : ViewerLink
    """

    def __init__(self, link: ViewerLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self.words = text()
        self.button = QPushButton("Lay the mask on the image")
        self.button.setToolTip(_TIP)
        self.button.clicked.connect(self._lay)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.words)
        layout.addWidget(self.button)
        bind(self, link.changed, self.refresh)
        bind(self, link.session.events.tiles, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Offer it where it is of use."""
        link, mask = self._link, self._link.mask_layer
        apart = (
            mask is not None
            and bool(link.image_layers)
            and not link.session.of_tiles
            and size_of(mask) == size_of(link.image_layers[0])
            and not lie_together(link.image_layers[0], mask, size_of(mask))
        )
        self.words.setText(_WORDS.format(mask.name) if mask is not None and apart else "")
        self.setVisible(apart)

    def _lay(self) -> None:
        link = self._link
        if link.mask_layer is not None and link.image_layers:
            lay_over(link.mask_layer, link.image_layers[0])
