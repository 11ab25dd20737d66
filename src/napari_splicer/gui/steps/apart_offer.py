"""ApartOffer: one layer per channel instead of one with all, which napari shows one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.steps.page import text

if TYPE_CHECKING:
    from napari_splicer.gui.layers import ViewerLink

_TIP = "One layer per channel, some in colour, in the place of the layer with all of them"
_LATER = "The work on this image hangs on its layer: this can be done before a model is there"


class ApartOffer(QWidget):
    """Shown while all channels of the image lie in one layer, as napari opens files.

    Parameters
    ----------
    link : ViewerLink
    """

    def __init__(self, link: ViewerLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self.button = QPushButton("Show the channels in colour")
        self.button.clicked.connect(link.opener.take_apart)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(text("napari shows one channel of this layer at a time."))
        layout.addWidget(self.button)
        bind(self, link.changed, self.refresh)
        for name in ("bundle", "table", "job"):
            bind(self, link.session.events[name], self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Offer it where it is of use; say why not where something was made of the layer."""
        session, layers = self._link.session, self._link.image_layers
        image = session.image
        whole = image is not None and len(image.channels) > 1 and image.places is None
        one = len(layers) == 1 and layers[0].ndim == 3 and not layers[0].rgb
        self.setVisible(whole and one)
        free = session.bundle is None and session.table is None and session.job is None
        self.button.setEnabled(free)
        self.button.setToolTip(_TIP if free else _LATER)
