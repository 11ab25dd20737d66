"""SettingsForm: settings of a run behind one fold, each with a tooltip, if only the schema's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QSpinBox,
    QWidget,
)

from napari_splicer.config import RunConfig
from napari_splicer.gui.binding import bind
from napari_splicer.gui.steps.page import narrow_form
from napari_splicer.gui.widgets.narrow_box import NarrowBox
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_splicer.gui.session import Session


class SettingsForm(QWidget):
    """Rows of widgets, each tied to one key of ``session.settings``.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._form = narrow_form(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._shown: list[Callable[[], None]] = []
        self._wording = Wording(self, session)
        bind(self, session.events.settings, self._refresh)

    def add_choice(self, key: str, title: str, choices: Mapping[Any, str]) -> QComboBox:
        """Add a row with a few values to choose from; ``choices``: value -> words."""
        box = NarrowBox()
        for value, words in choices.items():
            box.addItem(words, value)

        def show() -> None:
            value = self._value(key)
            if box.findData(value) < 0:  # of a run file or a model
                box.addItem(str(value), value)
            box.setCurrentIndex(box.findData(value))

        box.activated.connect(lambda: self._set(key, box.currentData()))
        self._add(key, title, box, show)
        return box

    def add_switch(self, key: str, title: str, tip: str = "") -> QCheckBox:
        """Add a row with something that is on or off."""
        box = QCheckBox()
        self._add(key, title, box, lambda: box.setChecked(self._value(key)), tip)
        box.toggled.connect(lambda on: self._set(key, on))
        return box

    def add_number(
        self, key: str, title: str, limits: Sequence[int], unset: str = "", tip: str = ""
    ) -> QSpinBox:
        """Add a row with a whole number; with ``unset``, the lowest value means None."""
        box = QSpinBox()
        box.setRange(*limits)
        box.setSpecialValueText(unset)
        box.setKeyboardTracking(False)

        def show() -> None:
            value = self._value(key)
            box.setValue(limits[0] if value is None else value)

        def store(value: int) -> None:
            self._set(key, None if unset and value == limits[0] else value)

        self._add(key, title, box, show, tip)
        box.valueChanged.connect(store)
        return box

    def add_percent(
        self, key: str, title: str, limits: Sequence[float], tip: str = "", unset: str = ""
    ) -> QDoubleSpinBox:
        """Add a row with a fraction, shown as a percentage; ``unset``: what 0 means, in words."""
        box = QDoubleSpinBox()
        box.setDecimals(1)
        box.setRange(100 * limits[0], 100 * limits[1])
        box.setSuffix(" %")
        box.setSpecialValueText(unset)
        box.setKeyboardTracking(False)
        self._add(key, title, box, lambda: box.setValue(100 * self._value(key)), tip)
        box.valueChanged.connect(lambda value: self._set(key, round(value / 100, 6)))
        return box

    def add_real(
        self, key: str, title: str, limits: Sequence[float], unset: str = "", decimals: int = 5
    ) -> QDoubleSpinBox:
        """Add a row with a real number; with ``unset``, the lowest value means None."""
        box = QDoubleSpinBox()
        box.setDecimals(decimals)
        box.setSpecialValueText(unset)
        box.setRange(*limits)
        box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        box.setKeyboardTracking(False)

        def show() -> None:
            value = self._value(key)
            box.setValue(limits[0] if value is None else value)

        def store(value: float) -> None:
            self._set(key, None if unset and value == limits[0] else value)

        self._add(key, title, box, show)
        box.valueChanged.connect(store)
        return box

    def _add(
        self, key: str, title: str, box: QWidget, show: Callable[[], None], tip: str = ""
    ) -> None:
        words = tip or describe(key)
        words = words[:1].upper() + words[1:] + _range_of(box)
        self._wording.put(box.setToolTip, words)
        if isinstance(box, NarrowBox):
            self._wording.put(lambda said: setattr(box, "tip", said), words)
        box.setMinimumWidth(80)

        def show_only() -> None:
            with QSignalBlocker(box):  # a value that the box rounds or limits stays as it was set
                show()

        show_only()
        self._shown.append(show_only)
        label = QLabel()
        self._wording.put(label.setText, title)
        label.setBuddy(box)
        self._form.addRow(label, box)

    def _refresh(self) -> None:
        for show in self._shown:
            show()

    def _value(self, key: str) -> Any:
        value: Any = self._session.settings
        for part in key.split("."):
            value = getattr(value, part)
        return value

    def _set(self, key: str, value: Any) -> None:
        if value != self._value(key):
            self._session.settings = self._session.settings.with_values({key: value})


def describe(key: str) -> str:
    """Return what the schema says about a setting.

    Examples
    --------
    >>> describe("training.batch")
    'patches per step'
    """
    model: type[BaseModel] = RunConfig
    *parents, leaf = key.split(".")
    for part in parents:
        annotation = model.model_fields[part].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            raise KeyError(f"{key}: {part} has no settings of its own")
        model = annotation
    return model.model_fields[leaf].description or ""


def _range_of(box: QWidget) -> str:
    """Say what can be typed into a box: it drops what goes beyond."""
    if not isinstance(box, (QSpinBox, QDoubleSpinBox)):
        return ""
    low, high = (box.textFromValue(end) for end in (box.minimum(), box.maximum()))
    return (
        f"\nUp to {high}{box.suffix()}"
        if box.specialValueText()
        else f"\n{low} to {high}{box.suffix()}"
    )
