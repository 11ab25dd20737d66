"""SettingsForm: settings of a run behind one fold, each with a tooltip, if only the schema's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from napari_splicer.config import RunConfig
from napari_splicer.errors import SplicerError
from napari_splicer.gui.binding import bind
from napari_splicer.gui.failures import in_words
from napari_splicer.gui.snapshot import Notice
from napari_splicer.gui.steps.page import heading, narrow_form
from napari_splicer.gui.widgets.narrow_box import NarrowBox
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_splicer.gui.session import Session


# What would override a setting, and so gives way when it is set.
_OVERRIDES = {"training.epochs": {"training.steps": None, "training.restarts": ()}}


class SettingsForm(QWidget):
    """Rows of widgets, each tied to one key of ``session.settings``.

    Parameters
    ----------
    session : Session
    named : bool
        Whether each row says what it is called in run files, too.
    """

    def __init__(
        self, session: Session, parent: QWidget | None = None, *, named: bool = False
    ) -> None:
        super().__init__(parent)
        self._session, self._named = session, named
        self._form = narrow_form(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._shown: list[Callable[[], None]] = []
        self._tips: dict[QWidget, str] = {}
        self._why_not: dict[QWidget, Callable[[RunConfig], str]] = {}
        self._wording = Wording(self, session)
        bind(self, session.events.settings, self._refresh)

    def add_heading(self, words: str) -> None:
        """Add a line that says what the next rows are about."""
        self._form.addRow(heading(words))

    def only_where(self, box: QWidget, why_not: Callable[[RunConfig], str]) -> None:
        """Grey a row's box out while ``why_not(settings)`` says why it counts for nothing."""
        self._why_not[box] = why_not
        self._allow(box)

    def add_choice(
        self, key: str, title: str, choices: Mapping[Any, str], tip: str = ""
    ) -> QComboBox:
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
        self._add(key, title, box, show, tip)
        return box

    def add_words(self, key: str, title: str, fits: str, tip: str) -> QLineEdit:
        """Add a row with a word to type; what does not fit the pattern is taken back."""
        box = QLineEdit()

        def store() -> None:
            typed = box.text().strip()
            if re.fullmatch(fits, typed):
                self._set(key, typed)
            box.setText(self._value(key))

        self._add(key, title, box, lambda: box.setText(self._value(key)), tip)
        box.editingFinished.connect(store)
        return box

    def add_switch(self, key: str, title: str, tip: str = "") -> QCheckBox:
        """Add a row with something that is on or off."""
        box = QCheckBox()
        self._add(key, title, box, lambda: box.setChecked(self._value(key)), tip)
        box.toggled.connect(lambda on: self._set(key, on))
        return box

    def add_number(
        self,
        key: str,
        title: str,
        limits: Sequence[int],
        unset: str = "",
        tip: str = "",
        lowest: str = "",
    ) -> QSpinBox:
        """Add a row with a whole number.

        With ``unset``, the lowest value means None; ``lowest`` says in words what it means itself.
        """
        box = QSpinBox()
        box.setRange(*limits)
        box.setSpecialValueText(unset or lowest)
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
        self,
        key: str,
        title: str,
        limits: Sequence[float],
        unset: str = "",
        decimals: int = 5,
        tip: str = "",
        lowest: str = "",
    ) -> QDoubleSpinBox:
        """Add a row with a real number; ``unset`` and ``lowest`` as in :meth:`add_number`."""
        box = QDoubleSpinBox()
        box.setDecimals(decimals)
        box.setSpecialValueText(unset or lowest)
        box.setRange(*limits)
        box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        box.setKeyboardTracking(False)

        def show() -> None:
            value = self._value(key)
            box.setValue(limits[0] if value is None else value)

        def store(value: float) -> None:
            self._set(key, None if unset and value == limits[0] else value)

        self._add(key, title, box, show, tip)
        box.valueChanged.connect(store)
        return box

    def add_open(
        self,
        key: str,
        title: str,
        most: float,
        step: float,
        unset: str,
        tip: str = "",
        *,
        percent: bool = False,
    ) -> QDoubleSpinBox:
        """Add a row with a number that may be 0 and, which is something else, unset."""
        times = 100 if percent else 1
        box = QDoubleSpinBox()
        box.setDecimals(1 if percent else 2)
        box.setRange(-step * times, most * times)  # unset lies one step below 0
        box.setSingleStep(step * times)
        box.setSuffix(" %" if percent else "")
        box.setSpecialValueText(unset)
        box.setKeyboardTracking(False)

        def show() -> None:
            value = self._value(key)
            box.setValue(box.minimum() if value is None else value * times)

        def store(value: float) -> None:
            self._set(key, None if value < 0 else round(value / times, 6))
            self._refresh()  # what was typed between 0 and the step below

        self._add(key, title, box, show, tip)
        box.valueChanged.connect(store)
        return box

    def _add(
        self, key: str, title: str, box: QWidget, show: Callable[[], None], tip: str = ""
    ) -> None:
        words = tip or describe(key)
        name = f"\nIn run files: {key}" if self._named else ""
        words = words[:1].upper() + words[1:] + name + _range_of(box)
        self._wording.put(lambda said: self._say(box, said), words)
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

    def _say(self, box: QWidget, tip: str) -> None:
        self._tips[box] = tip
        self._allow(box)

    def _allow(self, box: QWidget) -> None:
        why_not = self._why_not.get(box)
        why = why_not(self._session.settings) if why_not is not None else ""
        box.setEnabled(not why)
        said = self._session.words(f"{why}\n") + self._tips[box] if why else self._tips[box]
        box.setToolTip(said)
        if isinstance(box, NarrowBox):
            box.tip = said

    def _refresh(self) -> None:
        for show in self._shown:
            show()
        for box in self._why_not:
            self._allow(box)

    def _value(self, key: str) -> Any:
        value: Any = self._session.settings
        for part in key.split("."):
            value = getattr(value, part)
        return value

    def _set(self, key: str, value: Any) -> None:
        if value == self._value(key):
            return
        also = _OVERRIDES.get(key, {})
        try:
            self._session.settings = self._session.settings.with_values({key: value, **also})
        except SplicerError as error:  # it does not go with another setting
            self._session.notice = Notice("error", in_words(error))
            self._refresh()


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
