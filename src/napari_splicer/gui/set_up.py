"""Set-up: components, channels' names and loaded models, undone and done again. No Qt.

They have a history of their own, beside that of the table (:mod:`history`). What it holds and what
a table's steps change have nothing in common, so that taking back a choice of components never
costs a group or a selection that was made since, and a click on the map never stands between a
person and the component that was removed. Steps ① to ③ of the dock undo these, all else those.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from psygnal import Signal

from napari_splicer.gui.history import MOST_STEPS
from napari_splicer.gui.snapshot import Notice, same_pixels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_splicer.config import Component
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.snapshot import Snapshot
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.model.bundle import Bundle

MOST_MODELS = 3
"""Steps that bring a model back; older ones bring its components alone, for memory's sake."""

Which: TypeAlias = "tuple[object, ...]"
"""What tells one image from others, also when it is read again; nothing of its pixels."""


@dataclass(frozen=True)
class SetUp:
    """What a step may change; the fields are those of a session.

    Of the image there are only names, so that no pixels are held: which one it is, how its
    ``channels`` are called, and which of all there are (``places``) a panel file has left.
    """

    components: tuple[Component, ...]
    suggested: tuple[Component, ...]
    colours: Mapping[str, str]
    panel_groups: Mapping[str, tuple[str, ...]]
    image: Which
    channels: tuple[str, ...]
    places: tuple[int, ...] | None

    def names_as(self, other: SetUp) -> bool:
        """Return whether channels are called the same."""
        return (self.channels, self.places) == (other.channels, other.places)


@dataclass(frozen=True, eq=False)
class Model:
    """A model, and what it was trained from where that was done in this window."""

    bundle: Bundle | None
    made_from: Snapshot | None


@dataclass(frozen=True)
class SetUpStep:
    """One change: what it is called, and what was before and after it.

    ``models`` are those before and after; None where the step leaves the model alone.
    """

    words: str
    before: SetUp
    after: SetUp
    models: tuple[Model, Model] | None = None


class SetUpHistory:
    """What was changed of components and names; its signal ``changed`` follows every change.

    Components are for all images, names of channels for one: a step that named channels, and what
    was done before it, waits until its image is chosen again. Components that come by themselves
    (a suggestion after a panel was read) belong to the step before them; where they come for
    another image or for tiles, the steps before do not fit them, and are forgotten.

    Parameters
    ----------
    session : Session
    """

    changed: ClassVar[Signal] = Signal()

    def __init__(self, session: Session) -> None:
        self._session = session
        self._done: list[SetUpStep] = []
        self._undone: list[SetUpStep] = []
        self._open = False
        self._here = self._place()
        self._said: Notice | None = None
        session.events.components.connect(self._changed_by_itself)
        session.events.image.connect(self.changed.emit)

    @property
    def next_undo(self) -> str | None:
        """What would be undone, in words; None where there is nothing."""
        return self._done[-1].words if self._ready(self._done) else None

    @property
    def next_redo(self) -> str | None:
        """What would be done again, in words; None where there is nothing."""
        return self._undone[-1].words if self._ready(self._undone) else None

    @contextmanager
    def step(self, words: str) -> Iterator[None]:
        """Remember what is changed within as one step; steps within a step are part of it."""
        if self._open:
            yield
            return
        before, model_before = self._now(), self._model()
        self._open = True
        try:
            yield
        finally:
            self._open = False
        after, self._here, model = self._now(), self._place(), self._model()
        models = None if model.bundle is model_before.bundle else (model_before, model)
        if before == after and models is None:
            return
        self._done = [*self._done, SetUpStep(words, before, after, models)][-MOST_STEPS:]
        self._undone.clear()
        self._let_old_models_go()
        self._say(None)
        self.changed.emit()

    def undo(self) -> bool:
        """Take the last step back; return whether there was one."""
        return self._move(self._done, self._undone, back=True)

    def redo(self) -> bool:
        """Do the step that was last undone again; return whether there was one."""
        return self._move(self._undone, self._done, back=False)

    def forget(self) -> None:
        """Forget all steps."""
        self._done, self._undone = [], []
        self.changed.emit()

    def _ready(self, steps: list[SetUpStep]) -> bool:
        """Return whether there is a step, and none that names channels of another image."""
        if not steps:
            return False
        before, after = steps[-1].before, steps[-1].after
        if before.names_as(after):
            return True
        now = self._now()
        return now.image == after.image and (now.names_as(before) or now.names_as(after))

    def _move(self, source: list[SetUpStep], target: list[SetUpStep], *, back: bool) -> bool:
        if not self._ready(source):
            return False
        step = source.pop()
        target.append(step)
        self._open = True
        try:
            if step.models is not None:
                self._exchange(*step.models[::-1] if back else step.models)
            self._put(*(step.after, step.before) if back else (step.before, step.after))
        finally:
            self._open = False
        self._here = self._place()
        self._say(f"{'Taken back' if back else 'Done again'}: {step.words}.")
        self.changed.emit()
        return True

    def _now(self) -> SetUp:
        session, image = self._session, self._session.image
        return SetUp(
            session.components,
            session.suggested,
            dict(session.colours),
            dict(session.panel_groups),
            _which(image),
            () if image is None else image.channels,
            None if image is None else image.places,
        )

    def _model(self) -> Model:
        return Model(self._session.bundle, self._session.made_from.get("train"))

    def _exchange(self, leaving: Model, entering: Model) -> None:
        """Bring a model back, unless another was made since: that one would be lost."""
        session = self._session
        if session.bundle is not leaving.bundle:
            return
        made = dict(session.made_from)
        made.pop("train", None)
        if entering.made_from is not None:
            made["train"] = entering.made_from
        session.made_from = made
        session.bundle = entering.bundle

    def _let_old_models_go(self) -> None:
        with_models = [step for step in self._done if step.models is not None]
        for old in with_models[:-MOST_MODELS]:
            place = next(i for i, step in enumerate(self._done) if step is old)
            bare = [replace(old, models=None)] if old.before != old.after else []
            self._done[place : place + 1] = bare

    def _put(self, leaving: SetUp, entering: SetUp) -> None:
        session = self._session
        if not leaving.names_as(entering):
            session.panel_groups = entering.panel_groups
            session.image = self._named(entering)
        session.suggested = entering.suggested
        session.colours = entering.colours
        session.components = entering.components

    def _named(self, wanted: SetUp) -> MultiplexImage | None:
        """Return the image with the names that are wanted.

        Where a result was made from just that, it is the very object, not its equal: the result
        then fits again.
        """
        now = self._session.image
        whole = None if now is None else now.whole or now
        if whole is None:
            return None
        image, all_places = whole, whole.places or tuple(range(len(whole.channels)))
        if wanted.places is not None and wanted.places != whole.places:
            kept = [whole.channels[all_places.index(place)] for place in wanted.places]
            image = replace(whole.select(kept), whole=whole)
        image = image.with_channels(wanted.channels)
        made_from = (made.image for made in self._session.made_from.values())
        same = (known for known in made_from if known is not None and _alike(known, image))
        return next(same, image)

    def _place(self) -> tuple[Which, str]:
        """Return which image is chosen, and whether its cells or tiles are described."""
        return _which(self._session.image), self._session.settings.patches.sites

    def _changed_by_itself(self) -> None:
        if self._open:
            return
        if self._here != self._place():
            self.forget()
            self._here = self._place()
            return
        now = self._now()
        self._done[-1:] = [replace(step, after=now) for step in self._done[-1:]]
        self._undone[-1:] = [replace(step, before=now) for step in self._undone[-1:]]

    def _say(self, words: str | None) -> None:
        """Say what was moved, as it may not be in sight; a warning of anything else stays."""
        now = self._session.notice
        unread = (
            now is not None
            and now.kind != "info"
            and not (words and now.undo and now.undo in words)
        )
        if now is not self._said and (words is None or unread):
            return
        self._said = None if words is None else Notice("info", words)
        self._session.notice = self._said


def _which(image: MultiplexImage | None) -> Which:
    if image is None:
        return ()
    whole = image.whole or image
    return whole.name, whole.source, whole.shape, len(whole.channels)


def _alike(one: MultiplexImage, other: MultiplexImage) -> bool:
    """Return whether two images differ in nothing that a result may depend on."""
    names = ("channels", "places", "pixel_size", "transform")
    same = all(getattr(one, name) == getattr(other, name) for name in names)
    return same and same_pixels(one, other)
