"""Every key of the two docks, and the mouse with keys held: what it does, and where.

The one place where keys are bound. Widgets ask a shortcut whether an event is it; the page of
shortcuts in the window and ``docs/shortcuts.md`` list them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QMainWindow, QShortcut

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from qtpy.QtGui import QKeyEvent
    from qtpy.QtWidgets import QWidget

_Standard = QKeySequence.StandardKey
_HELD = {
    "Shift": Qt.KeyboardModifier.ShiftModifier,
    "Alt": Qt.KeyboardModifier.AltModifier,
    "Control": Qt.KeyboardModifier.ControlModifier,
}

BOTH = "Both docks"
COMPONENTS, GROUPS = "Step ② Components", "Step ⑤ Cluster"
MAP, IMAGE, TEACH = "The map", "The image", "The page Teach"


@dataclass(frozen=True)
class Shortcut:
    """A key, or several that do the like.

    Parameters
    ----------
    where : str
        What must have the focus.
    usual : str
        The keys as most keyboards have them.
    does : str
        What it does, in a few words.
    keys : tuple of str or QKeySequence.StandardKey
        One character each, as typed on whatever keyboard; or a sequence such as ``"Alt+Up"``.
    """

    where: str
    usual: str
    does: str
    keys: tuple[str | QKeySequence.StandardKey, ...]

    @property
    def native(self) -> str:
        """The keys as they are called on this computer."""
        known = [QKeySequence(key) for key in self.keys if not _is_character(key)]
        names = [key.toString(QKeySequence.SequenceFormat.NativeText) for key in known]
        return " or ".join(name for name in names if name) or self.usual

    def place(self, event: QKeyEvent) -> int | None:
        """Return which of the keys was pressed, None if another was."""
        return next((i for i, key in enumerate(self.keys) if _is(event, key)), None)

    def matches(self, event: QKeyEvent) -> bool:
        """Return whether one of the keys was pressed."""
        return self.place(event) is not None


@dataclass(frozen=True)
class Gesture:
    """What the mouse does, alone or while keys are held; or what Qt's lists do by themselves.

    Parameters
    ----------
    where, does : str
    usual : str
        Keys and mouse, in words.
    held : tuple of {"Shift", "Alt", "Control"}
    """

    where: str
    usual: str
    does: str
    held: tuple[str, ...] = ()

    @property
    def native(self) -> str:
        """The same as ``usual``: the mouse has no other names."""
        return self.usual

    def among(self, modifiers: Qt.KeyboardModifier | Collection[str]) -> bool:
        """Return whether the keys are among those that are held.

        Parameters
        ----------
        modifiers : Qt.KeyboardModifier or collection of str
            As Qt has them, or by the names that napari gives them.
        """
        if isinstance(modifiers, Qt.KeyboardModifier):
            return all(bool(modifiers & _HELD[name]) for name in self.held)
        return all(name in modifiers for name in self.held)


def _is_character(key: str | QKeySequence.StandardKey) -> bool:
    return isinstance(key, str) and len(key) == 1


def _is(event: QKeyEvent, key: str | QKeySequence.StandardKey) -> bool:
    if not isinstance(key, str):
        return bool(event.matches(key))
    if _is_character(key):
        return bool(event.text() == key)
    held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier  # which arrows have on a Mac
    return bool(QKeySequence(event.key() | held.value) == QKeySequence(key))


class WindowKeys(QObject):  # type: ignore[misc]  # Qt is untyped here
    """Keys of a page that hold in all of napari's window, for as long as the page is seen.

    Whoever clicks a cell in the image has the focus there, where napari's layers have keys too.
    Fields in which one types keep their keys, and what is not allowed stays with napari.

    Parameters
    ----------
    page : QWidget
    shortcut : Shortcut
    pressed : callable
        Called with the place of the key among the shortcut's.
    """

    def __init__(self, page: QWidget, shortcut: Shortcut, pressed: Callable[[int], None]) -> None:
        super().__init__(page)
        self._page, self._shortcut, self._pressed = page, shortcut, pressed
        self._allowed = 0
        self._bound: list[QShortcut] = []
        page.installEventFilter(self)

    def allow(self, count: int) -> None:
        """Take only the first keys."""
        self._allowed = count
        for place, key in enumerate(self._bound):
            key.setEnabled(place < count)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the keys when the page is shown, and give them back when it is hidden."""
        if event.type() == QEvent.Type.Show:
            self._bind()
        elif event.type() == QEvent.Type.Hide:
            self._release()
        return False

    def _bind(self) -> None:
        self._release()
        window = self._page.parentWidget()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parentWidget()
        if window is None:
            return
        for place, sequence in enumerate(self._shortcut.keys):
            key = QShortcut(QKeySequence(sequence), window)
            key.setContext(Qt.ShortcutContext.WindowShortcut)
            key.setAutoRepeat(False)
            key.activated.connect(partial(self._pressed, place))
            self._bound.append(key)
        self.allow(self._allowed)

    def _release(self) -> None:
        for key in self._bound:
            key.setEnabled(False)
            key.deleteLater()
        self._bound = []


HELP = Shortcut(BOTH, "?", "Show these shortcuts", ("?",))
UNDO = Shortcut(
    BOTH,
    "Ctrl+Z",
    "Take back the last change of components and channel names, in steps ① to ③ of the dock; "
    "elsewhere, the last selection or change of groups",
    (_Standard.Undo,),
)
REDO = Shortcut(
    BOTH, "Ctrl+Shift+Z (Windows: Ctrl+Y)", "Do again what was taken back", (_Standard.Redo,)
)
MOVE_COMPONENT = Shortcut(
    COMPONENTS, "Alt+Up or Alt+Down", "Move the component up or down", ("Alt+Up", "Alt+Down")
)
GIVE_UP_MOVING = Shortcut(COMPONENTS, "Esc", "Leave one that is dragged where it was", ("Esc",))
RENAME = Gesture(
    GROUPS, "F2 (macOS: Return) or double click", "Rename the group or grouping that is marked"
)
REMOVE_GROUPING = Shortcut(
    GROUPS, "Del", "Take the grouping that is marked out of the list", (_Standard.Delete,)
)
MARK_MORE = Gesture(
    GROUPS, "Ctrl+click or Shift+click", "Mark further groups, to merge them or select their cells"
)
LASSO = Gesture(MAP, "Drag", "Select the cells that you draw around")
RECTANGLE = Gesture(MAP, "Ctrl+drag", "Select the cells in a rectangle", ("Control",))
ADD = Gesture(MAP, "Shift+drag or Shift+click", "Add to the selection", ("Shift",))
TAKE_AWAY = Gesture(MAP, "Alt+drag or Alt+click", "Take away from the selection", ("Alt",))
KEEP_BOTH = Gesture(
    MAP, "Shift+Alt+drag", "Keep what was selected and is drawn around", ("Shift", "Alt")
)
CLEAR = Shortcut(MAP, "Esc", "Drop what is being drawn, or else clear the selection", ("Esc",))
FLY = Gesture(MAP, "Click", "Select the cell, and show it in the image")
ZOOM = Gesture(MAP, "Wheel, or drag with the right button", "Zoom")
PAN = Gesture(MAP, "Drag with the middle button", "Move the map")
SHOW_ALL = Gesture(MAP, "Double click", "Show the whole map again")
PICK = Gesture(IMAGE, "Click", "Choose the cell: for the preview, for Similar, for Teach")
ADD_IN_IMAGE = Gesture(
    IMAGE, "Shift+click, or Shift while drawing around", "Add to the selection", ("Shift",)
)
TAKE_IN_IMAGE = Gesture(
    IMAGE, "Alt+click, or Alt while drawing around", "Take away from the selection", ("Alt",)
)
UNPAINT = Gesture(IMAGE, "Alt while painting examples", "Take examples out", ("Alt",))
SHOW_AS_TYPE = Shortcut(
    TEACH, "1 to 9", "Show the clicked cell as the type of that number", tuple("123456789")
)
TAKE_EXAMPLE_OUT = Shortcut(
    TEACH, "Del", "Take out the example that is marked", (_Standard.Delete,)
)

SHORTCUTS: tuple[Shortcut | Gesture, ...] = tuple(
    each for each in dict(globals()).values() if isinstance(each, Shortcut | Gesture)
)
RENAMING = (  # how lists let a name be typed
    QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
)
