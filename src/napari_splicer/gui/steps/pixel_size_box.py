"""PixelSizeBox: how large a pixel of the image is, to be said where its file does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QDoubleSpinBox, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.pixel_size import set_pixel_size

if TYPE_CHECKING:
    from napari_splicer.gui.layers import ViewerLink

_TIP = (
    "How wide a pixel is on the tissue. Your microscope's software says it; 0.3 to 1 µm is usual. "
    "Patches and tiles then mean the same in images of other pixels"
)
_LATER = "A model or a table was made with this size: it can be set before that"
_OBLONG = "The file says that pixels are {:.4g} µm high and {:.4g} µm wide"


class PixelSizeBox(QDoubleSpinBox):
    """Says "not known" as long as nobody has told.

    Parameters
    ----------
    link : ViewerLink
    """

    def __init__(self, link: ViewerLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self.setDecimals(4)
        self.setRange(0, 1000)
        self.setSingleStep(0.1)
        self.setSuffix(" µm")
        self.setSpecialValueText("not known")
        self.setKeyboardTracking(False)
        self.valueChanged.connect(self._set)
        for name in ("image", "bundle", "table", "job"):
            bind(self, link.session.events[name], self.refresh)
        self.refresh()

    def textFromValue(self, value: float) -> str:
        """Leave out what is zero anyway."""
        return f"{value:.4g}"

    def refresh(self) -> None:
        """Show what the image says."""
        session = self._link.session
        height, width = (session.image and session.image.pixel_size) or (0.0, 0.0)
        with QSignalBlocker(self):
            self.setValue(width)
        made = session.bundle is not None or session.table is not None or session.job is not None
        oblong = abs(height - width) > 1e-6 * width
        self.setEnabled(session.image is not None and not made and not oblong)
        self.setToolTip(_OBLONG.format(height, width) if oblong else _LATER if made else _TIP)

    def _set(self, size: float) -> None:
        if size:
            set_pixel_size(self._link, size)
        self.refresh()
