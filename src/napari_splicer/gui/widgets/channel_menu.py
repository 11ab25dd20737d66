"""ChannelMenu: a button with up to three of the image's channels to tick, and their legend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from qtpy.QtGui import QAction

    from napari_splicer.gui.session import Session
    from napari_splicer.gui.thumbnails import Thumbnails

_MOST = 3
_OFFER = "Tick to see this channel in the pictures"
_FULL = "Three channels are ticked, and more can't be told apart: untick one of them first"


class ChannelMenu(QWidget):
    """The channels that pictures of cells are shown in. Emits ``changed``.

    Parameters
    ----------
    session : Session
        Read: the image's channels are offered.
    automatic : str
        Which channels are taken where none is ticked, in words.
    """

    changed = Signal()

    def __init__(self, session: Session, automatic: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._usual = session, f"The channels are chosen for you: {automatic}"
        self.chosen: tuple[str, ...] = ()
        self.button, self.legend = QToolButton(text="Channels  "), QLabel()
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.button.setMenu(QMenu(self.button))
        self.button.menu().setToolTipsVisible(True)
        self._wording = Wording(self, session)
        self._wording.put(self.button.setToolTip, f"Up to three channels; automatic: {automatic}")
        self.legend.setWordWrap(True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        layout.addWidget(self.legend, 1)
        bind(self, session.events.image, self._image_changed)
        self._list_channels()

    @property
    def actions_by_channel(self) -> dict[str, QAction]:
        """What the menu offers, by channel."""
        actions = self.button.menu().actions()
        return {action.text(): action for action in actions if action.isCheckable()}

    def explain(self, thumbnails: Thumbnails) -> None:
        """Say in which colours the channels are shown."""
        names = zip(thumbnails.channels, thumbnails.hues, strict=True)
        marks = [f'<span style="color:{hue}">■</span>&nbsp;{name}' for name, hue in names]
        self.legend.setText(" ".join(marks) if len(marks) > 1 else thumbnails.channels[0])

    def _image_changed(self) -> None:
        self._list_channels()
        self.changed.emit()

    def _list_channels(self) -> None:
        image = self._session.image
        names = () if image is None else image.channels
        self.chosen = tuple(name for name in self.chosen if name in names)
        menu = self.button.menu()
        menu.clear()
        automatic = menu.addAction("Automatic")
        automatic.setToolTip(self._session.words(self._usual))
        automatic.triggered.connect(self._automatic)
        menu.addSeparator()
        for name in names:
            action = menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(name in self.chosen)
            action.toggled.connect(self._ticked)
        self._allow()

    def _automatic(self) -> None:
        for action in self.actions_by_channel.values():
            action.setChecked(False)

    def _ticked(self) -> None:
        actions = self.actions_by_channel.items()
        self.chosen = tuple(name for name, action in actions if action.isChecked())
        self._allow()
        self.changed.emit()

    def _allow(self) -> None:
        for action in self.actions_by_channel.values():
            allowed = action.isChecked() or len(self.chosen) < _MOST
            action.setEnabled(allowed)
            action.setToolTip(_OFFER if allowed else _FULL)
