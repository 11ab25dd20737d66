"""Step 2, Components: which markers, seen where, get a part of the embedding of their own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.components.suggestion import Suggestion
from napari_splicer.errors import SplicerError
from napari_splicer.gui import composing
from napari_splicer.gui.binding import bind
from napari_splicer.gui.component_colours import component_colours
from napari_splicer.gui.failures import in_words
from napari_splicer.gui.jobs import tell
from napari_splicer.gui.naming import in_no_component
from napari_splicer.gui.panels import of_other_channels, take_panel
from napari_splicer.gui.steps.cell_preview import CellPreview
from napari_splicer.gui.steps.page import StepPage, allow, text
from napari_splicer.gui.widgets.component_editor import ComponentEditor
from napari_splicer.gui.widgets.component_list import ComponentList
from napari_splicer.gui.widgets.file_drop import FileDrop, is_panel
from napari_splicer.gui.widgets.suggestion_button import SOON, SuggestionButton
from napari_splicer.gui.widgets.swatch import ask_for_colour
from napari_splicer.gui.widgets.undo_buttons import UndoButtons
from napari_splicer.gui.widgets.work_line import WorkLine

if TYPE_CHECKING:
    from napari_splicer.config import Component
    from napari_splicer.gui.readiness import Readiness, StepName
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.theme import Theme

_YOURS, _UNTIL = "Your own", "They were here before the model was loaded."
_REPLACED = "They were here before a suggestion was taken."
_NOT_YET = "Suggestions are made once step ① Image has looked through image and mask."
_STOPPED = "Stopped before components were suggested: the button above makes suggestions."
_DROP = "Let go to suggest the groups of this panel file as components, and take its names."


class ComponentsStep(StepPage):
    """Opens with a suggestion already made."""

    name: ClassVar[StepName] = "components"
    sets_up = True
    title = "Components"
    tip = "Divide the markers into components, so that no bright one can drown a subtle one."

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._editing: int | None = None
        self._editor: ComponentEditor | None = None
        self._shown = session.components
        self._made_for: tuple[str, ...] = ()  # channels of the image that they were taken for
        self._of_tiles = session.of_tiles
        self.suggesting = WorkLine(self._take_suggestions, self._refuse, parent=self)
        self.suggesting.stopped.connect(lambda: self._offer((), _STOPPED, again=True))
        self.column.addWidget(
            text(
                "Each component is a set of markers, seen in all of the patch (the square that "
                "the model looks at) or in a region of it, and gets its own part of what the "
                "model learns.",
                small=True,
            )
        )
        self.column.addLayout(self._buttons())
        self.column.addWidget(self.suggesting)
        # Above the rows, however many there are: it changes with each click in the image.
        self.preview = CellPreview(session, "What each component sees")
        self.column.addWidget(self.preview)
        self._editor_place = QVBoxLayout()
        self.column.addLayout(self._editor_place)
        self.reason = text(small=True)
        self.column.addWidget(self.reason)
        self.rows = ComponentList()
        self.column.addWidget(self.rows)
        self.rest = text(small=True)
        self.column.addWidget(self.rest)
        self.column.addStretch()
        self.drop = FileDrop(self, is_panel, _DROP, partial(take_panel, session, for_groups=True))
        self._connect()

    def _connect(self) -> None:
        events = self.session.events
        bind(self, events.components, self._follow)
        bind(self, events.components, self._replaced)
        bind(self, events.colours, self._show_rows)
        for signal in (events.image, events.facts, events.panel_groups):
            bind(self, signal, self._on_image)
        bind(self, events.tiles, self._on_tiles)
        for signal, act in (
            (self.rows.edit, self.edit),
            (self.rows.duplicate, self.duplicate),
            (self.rows.remove, self.remove),
            (self.rows.moved, self.move),
            (self.rows.recolour, self.choose_colour),
        ):
            signal.connect(act)
        self._show_rows()
        self._on_image()

    def _buttons(self) -> QHBoxLayout:
        self.suggest_button = SuggestionButton()
        self.suggest_button.chosen.connect(self.take)
        self.suggest_button.wanted.connect(self._on_image)
        self.add_button = QPushButton("Add")
        self.add_button.clicked.connect(self.add)
        line = QHBoxLayout()
        line.addWidget(self.suggest_button, 1)
        line.addWidget(self.add_button, 1)
        self.undo = UndoButtons(self.session.set_up)
        line.addWidget(self.undo)
        return line

    # suggestions -------------------------------------------------------------------------------

    def _on_image(self) -> None:
        """Ask for suggestions as soon as image and mask are known to be good."""
        session = self.session
        self._show_reason()
        if self._editor is not None and (
            session.image is None or session.image.channels != self._editor.channels
        ):
            self._close_editor()
        if session.image is None or session.snapshot().units is None or session.facts is None:
            self.suggesting.forget()
            self._offer((), _NOT_YET)  # those of the image before do not fit this one
            return
        if not self.suggest_button.suggestions:
            self._offer(())
        self.suggesting.ask(composing.suggested, session.snapshot())

    def _on_tiles(self) -> None:
        """Suggest anew for tiles, or for cells again; how tiles lie does not matter."""
        if self._of_tiles != self.session.of_tiles:
            self._of_tiles = self.session.of_tiles
            self._close_editor()
            self._on_image()

    def _take_suggestions(self, found: tuple[Suggestion, ...]) -> None:
        self._offer(found)
        session = self.session
        if found and (not session.components or of_other_channels(session, self._made_for)):
            self._made_for = _channels(self.session)
            self._close_editor()
            composing.begin_with(self.session, found[0])

    def _refuse(self, error: Exception) -> None:
        self._offer((), in_words(error))
        if not isinstance(error, SplicerError):  # which step Image says already, until it is mended
            tell(error)

    def _offer(
        self, found: tuple[Suggestion, ...], why: str = SOON, *, again: bool = False
    ) -> None:
        self.suggest_button.offer(found, why, again=again)
        self._show_reason()

    def _replaced(self, now: tuple[Component, ...], before: tuple[Component, ...]) -> None:
        """Offer a person's own components, after a model that was loaded has brought others."""
        bundle = self.session.bundle
        if bundle is None or "train" in self.session.made_from:
            return
        if now == bundle.decomposition.components:
            self._keep(before, _UNTIL)

    def _keep(self, own: tuple[Component, ...], why: str) -> None:
        """Offer components, which give way to others, from now on, if a person made them."""
        others = [tuple(each.components) for each in self.suggest_button.suggestions]
        if own and own not in (self.session.suggested, *others):
            self.suggest_button.keep(Suggestion(_YOURS, why, Decomposition(own)))

    def _show_reason(self) -> None:
        """Say why these components were suggested, if they are, and which channels have none."""
        components = self.session.components
        for label, words in (
            (self.reason, self.suggest_button.reason_of(components)),
            (self.rest, in_no_component(components, _channels(self.session))),
        ):
            label.setText(words)
            label.setVisible(bool(words))

    def take(self, suggestion: Suggestion) -> None:
        """Replace the components by a suggestion's."""
        before = self.session.components
        self._close_editor()
        composing.take(self.session, suggestion)
        self._keep(before, _REPLACED)

    # editing -----------------------------------------------------------------------------------

    def add(self) -> None:
        """Add a component without channels, and open it."""
        self._close_editor()
        composing.add(self.session)
        self.edit(len(self.session.components) - 1)

    def duplicate(self, place: int) -> None:
        """Add another component like this one."""
        self._close_editor()
        composing.duplicate(self.session, place)

    def remove(self, place: int) -> None:
        """Take a component away."""
        self._close_editor()
        composing.remove(self.session, place)

    def move(self, place: int, target: int) -> None:
        """Give a component another place; an open editor stays with its own."""
        composing.move(self.session, place, target)

    def choose_colour(self, place: int) -> None:
        """Let the person choose another colour for a component."""
        session, component = self.session, self.session.components[place]
        old = component_colours(session.components, session.colours)[place]
        ask_for_colour(
            self,
            component.name,
            old,
            lambda: [each.name for each in session.components],
            partial(composing.recolour, session),
        )

    def edit(self, place: int) -> None:
        """Open a component in the editor."""
        self._close_editor()
        if self.session.image is None:
            return
        components = self.session.components
        self._editing = place
        self._editor = ComponentEditor(
            components[place],
            self.session.image.channels,
            self.session.regions,
            composing.other_names(components, place),
            tiles=self.session.of_tiles,
        )
        self._editor.changed.connect(self._apply)
        self._editor.closed.connect(self._close_editor)
        self._editor_place.addWidget(self._editor)
        self._show_rows()
        self._editor.name.setFocus()
        self.bring_into_sight(self.preview, self._editor)

    def _follow(self) -> None:
        """Show the components that there are now; an open editor stays with its own."""
        if self._editor is not None and self._editing is not None:
            now = self.session.components
            place = composing.place_of(self._editor.component, self._editing, self._shown, now)
            if place is None:
                self._close_editor()
            else:
                self._editing = place
                self._editor.show_component(now[place], composing.other_names(now, place))
        self._show_rows()

    def _apply(self, component: Component) -> None:
        if self._editing is not None:
            composing.change(self.session, self._editing, component)

    def _close_editor(self) -> None:
        row, editor = self._editing, self._editor
        self._editing = self._editor = None
        self.bring_into_sight()  # no longer the editor
        self._show_rows()
        if editor is not None:
            if row is not None and editor.isAncestorOf(editor.window().focusWidget()):
                self.rows.focus_row(row)
            editor.deleteLater()
            self._editor_place.removeWidget(editor)

    def _show_rows(self) -> None:
        components = self.session.components
        self._shown = components
        colours = component_colours(components, self.session.colours)
        self.rows.show_components(components, colours, self._editing)
        self._show_reason()

    def show_readiness(self, readiness: Readiness) -> None:
        """Say why nothing can be added, suggested or shown yet."""
        state = readiness.steps["components"]
        allow(self.add_button, state, "Add a component, then choose its markers and region")
        self.preview.show_state(state)
        self.suggest_button.block(state.why if state.status == "blocked" else "")

    def show_theme(self, theme: Theme) -> None:
        """Let what is said of a dragged file follow the theme."""
        self.drop.set_theme(theme)


def _channels(session: Session) -> tuple[str, ...]:
    return () if session.image is None else session.image.channels
