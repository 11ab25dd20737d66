"""RecentModels: the models that were used or saved last, each one click away."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_splicer.gui.recent_models import forget_model, recent_models
from napari_splicer.gui.steps.page import heading

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_splicer.gui.recent_models import RecentModel

_LONGEST = 34  # characters of a name


class RecentModels(QWidget):
    """Hidden where there is none. Those that are not there any more are said to be, and stay.

    Parameters
    ----------
    load : callable
        Takes what names the model that was chosen.
    """

    def __init__(self, load: Callable[[str], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._load = load
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(3)
        self._column.addWidget(heading("Recent models"))
        self._rows: list[QWidget] = []
        self.refresh()

    @property
    def buttons(self) -> list[QPushButton]:
        """The models, the last one first."""
        return [row.findChild(QPushButton) for row in self._rows]

    def refresh(self) -> None:
        """Read the list again."""
        for row in self._rows:
            self._column.removeWidget(row)
            row.deleteLater()
        self._rows = [self._row(model) for model in recent_models()]
        for row in self._rows:
            self._column.addWidget(row)
        self.setVisible(bool(self._rows))

    def _row(self, model: RecentModel) -> QWidget:
        missing = model.missing
        now = datetime.now().astimezone()
        about = "not found any more" if missing else model.about(now)
        button = QPushButton(f"{_short(model.name)}\n{about}".replace("&", "&&"))
        button.setStyleSheet("text-align: left; padding: 3px 6px")
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setMinimumHeight(2 * button.fontMetrics().height() + 10)
        button.setEnabled(not missing)
        button.setToolTip(
            f"It was at {model.source}: put it back there, or open it where it is now"
            if missing
            else f"Use this model: {model.source}\nComponents: {_listed(model.components)}\n"
            f"Channels: {_listed(model.channels)}"
        )
        button.clicked.connect(lambda _=False, source=model.source: self._load(source))
        remove = QToolButton()
        remove.setText("×")
        remove.setAutoRaise(True)
        remove.setToolTip("Take it off this list; its files stay")
        remove.clicked.connect(lambda _=False, source=model.source: self._forget(source))
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(2)
        line.addWidget(button, 1)
        line.addWidget(remove)
        return row

    def _forget(self, source: str) -> None:
        forget_model(source)
        self.refresh()


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST // 2]}…{name[-_LONGEST // 2 :]}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none (the whole patch)"
