"""Components and names of channels: whatever is done to them, taking it back restores all of it."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from cells_in_groups import make_table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.components.suggestion import Suggestion
from napari_splicer.config import Component, Region
from napari_splicer.events import Finished
from napari_splicer.gui import commands, composing, editing
from napari_splicer.gui.component_colours import component_colours
from napari_splicer.gui.panels import rename_channel, take_panel
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.session import Session
from napari_splicer.gui.set_up import MOST_MODELS
from napari_splicer.gui.snapshot import Notice, same_pixels
from napari_splicer.images.image import MultiplexImage

NUMBERS = st.lists(st.integers(0, 10**6), min_size=3, max_size=3)
MODEL = SimpleNamespace(decomposition=Decomposition.per_channel(("CD45",)))
OTHER = Suggestion("Each alone", "for a test", Decomposition.per_channel(("CD3", "CD8")))


def an_image(name: str = "field", seed: int = 0) -> MultiplexImage:
    pixels = np.random.default_rng(seed).integers(0, 9, (4, 16, 16), dtype=np.uint8)
    return MultiplexImage.from_array(
        pixels, ["CD45", "CD3", "CD8", "PanCK"], name=name, pixel_size=1.0
    )


def begun() -> Session:
    session = Session(image=an_image())
    session.components = (
        Component(name="immune", channels=("CD45", "CD3")),
        Component(name="granules", channels=("PanCK",)),
    )
    return session


def changed(session: Session, a: int, b: int, c: int) -> None:
    if not session.components:
        return
    place = a % len(session.components)
    one = session.components[place]
    taken = {component.name for component in session.components}
    update = (
        {"name": f"name {b % 5}"} if f"name {b % 5}" not in taken else {},
        {"region": Region(kind=("cell", "surroundings", "whole")[b % 3])},
        {"width": (None, 8, 16)[b % 3]},
        {"channels": session.image.channels[b % 4 :]},
    )[c % 4]
    composing.change(session, place, one.model_copy(update=update))


def count(session: Session) -> int:
    return len(session.components)


STEPS = (
    lambda s, a, b, c: composing.add(s),
    lambda s, a, b, c: count(s) and composing.duplicate(s, a % count(s)),
    lambda s, a, b, c: count(s) and composing.remove(s, a % count(s)),
    lambda s, a, b, c: count(s) and composing.move(s, a % count(s), b % count(s)),
    lambda s, a, b, c: (
        count(s) and composing.recolour(s, a % count(s), ("#123456", "#ff0000")[b % 2])
    ),
    lambda s, a, b, c: composing.take(s, OTHER),
    lambda s, a, b, c: composing.take_model(s, MODEL),
    lambda s, a, b, c: rename_channel(s, a % 4, f"marker {b % 6}"),
    changed,
)


def held(session: Session):
    return (
        session.components,
        component_colours(session.components, session.colours),
        session.image.channels,
        dict(session.panel_groups),
    )


@given(st.lists(st.tuples(st.sampled_from(range(len(STEPS))), NUMBERS), max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_steps_are_taken_back_and_done_again_exactly(steps) -> None:
    session = begun()
    history = session.set_up
    states = [held(session)]
    for step, numbers in steps:
        before = history.next_undo, len(history._done)
        STEPS[step](session, *numbers)
        if len(history._done) > before[1]:
            states.append(held(session))
        assert held(session) == states[-1], "nothing is changed but by a step"
    for state in reversed(states[:-1]):
        assert history.undo()
        assert held(session) == state
    assert not history.undo()
    for state in states[1:]:
        assert history.redo()
        assert held(session) == state
    assert not history.redo()


def test_a_step_says_what_it_does() -> None:
    session = begun()
    one = session.components[0]
    for act, words in (
        (lambda: composing.remove(session, 1), "Remove component 'granules'"),
        (lambda: composing.add(session), "Add component 'component'"),
        (lambda: composing.duplicate(session, 0), "Duplicate component 'immune'"),
        (lambda: composing.move(session, 0, 1), "Move component 'immune'"),
        (lambda: composing.recolour(session, 1, "#123456"), "Colour component 'immune'"),
        (
            lambda: composing.change(session, 1, one.model_copy(update={"name": "T cells"})),
            "Rename component 'immune' to 'T cells'",
        ),
        (lambda: composing.take(session, OTHER), "Take the suggestion 'Each alone'"),
        (lambda: rename_channel(session, 1, "CD3e"), "Rename channel CD3 to CD3e"),
    ):
        act()
        assert session.set_up.next_undo == words
    session.set_up.undo()
    assert session.notice == Notice("info", "Taken back: Rename channel CD3 to CD3e.")
    assert session.set_up.next_redo == "Rename channel CD3 to CD3e"
    session.set_up.redo()
    assert session.notice == Notice("info", "Done again: Rename channel CD3 to CD3e.")
    composing.add(session)
    assert session.notice is None
    assert session.set_up.next_redo is None


@pytest.mark.parametrize(
    ("update", "words"),
    [
        ({"region": Region(kind="cell")}, "Let component 'immune' look elsewhere"),
        ({"width": 16}, "Give component 'immune' 16 numbers"),
        ({"width": None}, "Give component 'immune' an equal share of numbers"),
        ({"channels": ("CD45",)}, "Take CD3 out of component 'immune'"),
        ({"channels": ("CD8",)}, "Choose other markers for component 'immune'"),
        ({"name": "a", "width": 16}, "Change component 'a'"),
    ],
)
def test_an_edit_is_called_by_what_it_changes(update, words) -> None:
    session = begun()
    one = session.components[0].model_copy(update={"width": 8})
    session.components = (one, session.components[1])
    composing.change(session, 0, one.model_copy(update=update))
    assert session.set_up.next_undo == words


def test_a_warning_is_not_covered_by_what_was_taken_back() -> None:
    session = begun()
    composing.remove(session, 0)
    session.notice = warning = Notice("warning", "The loss does not fall.", "train")
    session.set_up.undo()
    assert session.notice == warning


def test_the_work_on_the_table_stays_whatever_is_taken_back_of_the_set_up() -> None:
    session = begun()
    session.table = make_table(40)
    composing.remove(session, 1)
    editing.rename(session, 0, "tumour")
    session.select([int(session.ids()[0])])
    session.history.undo()
    selecting, renaming = session.history.next_redo, session.history.next_undo
    assert session.set_up.undo()
    assert [component.name for component in session.components] == ["immune", "granules"]
    assert session.groups[0].name == "tumour"
    assert (session.history.next_redo, session.history.next_undo) == (selecting, renaming)
    assert session.history.redo()
    session.history.undo()
    session.history.undo()
    assert session.groups[0].name != "tumour"
    assert session.set_up.next_redo == "Remove component 'granules'"


def test_a_model_fits_again_when_components_are_as_it_was_trained_with(session) -> None:
    parts = SimpleNamespace(
        decomposition=Decomposition(session.components),
        channels=Decomposition(session.components).channels,
        can_do_without=False,
        hash="1",
        config=session.settings,
    )
    session.bundle = parts
    session.made_from = {"train": session.snapshot().inputs()}
    assert resolve(session.snapshot()).steps["model"].status == "done"
    composing.remove(session, 1)
    state = resolve(session.snapshot()).steps["model"]
    assert state.status == "stale"
    assert "components have changed" in state.why
    session.set_up.undo()
    assert resolve(session.snapshot()).steps["model"].status == "done"
    session.set_up.redo()
    assert resolve(session.snapshot()).steps["model"].status == "stale"


def test_a_table_fits_again_when_channels_are_called_as_it_was_made(session) -> None:
    session.table = make_table(40)
    session.made_from = {"embed": session.snapshot().inputs()}
    image = session.image
    assert resolve(session.snapshot()).steps["embed"].status == "done"
    assert rename_channel(session, 0, "nuclei")
    assert resolve(session.snapshot()).steps["embed"].status == "stale"
    session.set_up.undo()
    assert session.image is image
    assert resolve(session.snapshot()).steps["embed"].status == "done"


def test_a_training_under_way_goes_on_while_components_are_taken_back(session) -> None:
    composing.remove(session, 1)
    trained = session.components
    run = commands.train(session)
    commands.begin(session, run)
    session.set_up.undo()
    assert session.job is not None
    assert run.config.components == trained
    commands.apply(session, run, [Finished("train", result=SimpleNamespace(hash="1"))])
    assert session.made_from["train"].components == trained
    assert session.set_up.redo()
    assert session.components == trained


def panel(folder, channels, groups=(), left_out=()):
    path = folder / "panel.csv"
    lines = [
        f"{name},{name} {i},{groups[i] if groups else ''},{int(name not in left_out)}"
        for i, name in enumerate(channels)
    ]
    path.write_text("\n".join(["channel,name,group,keep", *lines]))
    return path


def test_a_panel_with_groups_is_one_step_with_the_suggestion_that_follows(tmp_path) -> None:
    session = begun()
    session.suggested = session.components
    before = held(session)
    image = session.image
    path = panel(tmp_path, image.channels, groups="aabb", left_out=("CD8",))
    assert take_panel(session, path)
    assert same_pixels(session.image, image)  # of which only fewer are looked at
    assert session.components == ()
    found = Decomposition.per_channel(session.image.channels)
    composing.begin_with(session, Suggestion("By group", "as the panel says", found))
    after = held(session)
    assert session.set_up.next_undo == "Take names from panel.csv"
    session.set_up.undo()
    assert held(session) == before
    assert session.suggested == session.components
    assert session.image.places is None
    session.set_up.redo()
    assert held(session) == after
    assert session.suggested == session.components
    assert session.image.places == (0, 1, 3)
    assert session.image.whole is not None


def test_names_wait_for_their_image_and_components_do_not() -> None:
    session = begun()
    composing.move(session, 0, 1)
    rename_channel(session, 0, "nuclei")
    heard = []
    session.set_up.changed.connect(lambda: heard.append(session.set_up.next_undo))
    session.image = an_image("another", seed=1)
    assert heard[-1] is None
    assert not session.set_up.undo()
    composing.remove(session, 0)
    assert session.set_up.undo()
    assert not session.set_up.undo()
    session.image = an_image().with_channels(["nuclei", "CD3", "CD8", "PanCK"])
    assert session.set_up.next_undo == "Rename channel CD45 to nuclei"
    assert session.set_up.undo()
    assert session.image.channels[0] == "CD45"
    assert session.set_up.next_undo == "Move component 'immune'"


def test_components_suggested_for_another_image_or_for_tiles_are_not_taken_back() -> None:
    for other in ("image", "tiles"):
        session = begun()
        composing.remove(session, 0)
        if other == "image":
            session.image = an_image("another", seed=1)
        else:
            session.settings = session.settings.with_values({"patches.sites": "grid"})
        composing.begin_with(session, OTHER)
        assert session.set_up.next_undo is None
        assert not session.set_up.undo()
        assert session.components == OTHER.components


def test_a_suggestion_after_a_name_was_given_is_taken_back_with_it() -> None:
    session = begun()
    session.suggested = session.components
    before = held(session)
    rename_channel(session, 0, "nuclei")
    composing.begin_with(session, OTHER)
    session.set_up.undo()
    assert held(session) == before
    composing.begin_with(session, OTHER)
    session.set_up.redo()
    session.set_up.undo()
    assert session.components == OTHER.components


def test_many_steps_are_kept_but_not_all() -> None:
    session = begun()
    for _ in range(150):
        composing.move(session, 0, 1)
    undone = 0
    while session.set_up.undo():
        undone += 1
    assert undone == 100


def test_nothing_is_kept_of_an_image_that_is_gone() -> None:
    session = begun()
    rename_channel(session, 0, "nuclei")
    gone = weakref.ref(session.image)
    session.image = None
    gc.collect()
    assert gone() is None


def test_a_component_being_edited_is_followed_through_all_changes() -> None:
    first, second, third = (Component(name=name, channels=("CD3",)) for name in "abc")
    place_of = composing.place_of
    assert place_of(second, 1, (first, second, third), (second, first, third)) == 0
    renamed = second.model_copy(update={"name": "d"})
    assert place_of(renamed, 1, (first, renamed, third), (first, second, third)) == 1
    assert place_of(second, 1, (first, second, third), (first, third)) is None
    assert place_of(second, 1, (first, second), OTHER.components) is None


@pytest.fixture
def two_models(session):
    """A session whose table was made by its own model, that model, and another to be loaded."""

    def model(components, name: str) -> SimpleNamespace:
        parts = Decomposition(tuple(components))
        return SimpleNamespace(
            decomposition=parts,
            channels=parts.channels,
            can_do_without=False,
            hash=name,
            config=session.settings,
        )

    own, loaded = model(session.components, "own"), model(session.components[:1], "loaded")
    session.bundle, session.table = own, make_table(40)
    session.table.obsm["X_splicer"] = np.zeros((session.table.n_obs, 4), np.float32)
    made = session.snapshot().inputs()
    session.made_from = {"train": made, "embed": made}
    return session, own, loaded


def test_the_model_that_a_loaded_one_replaced_comes_back(two_models) -> None:
    session, own, loaded = two_models
    trained = session.made_from["train"]
    composing.take_model(session, loaded)
    assert "train" not in session.made_from
    assert session.set_up.undo()
    assert session.bundle is own
    assert session.made_from["train"] is trained
    assert resolve(session.snapshot()).steps["embed"].status == "done"
    assert session.set_up.redo()
    assert session.bundle is loaded
    assert "train" not in session.made_from
    assert resolve(session.snapshot()).steps["embed"].status == "stale"


def test_a_model_of_the_same_components_is_a_step_too(two_models) -> None:
    session, own, _ = two_models
    session.components = own.decomposition.components
    composing.take_model(session, SimpleNamespace(**{**vars(own), "hash": "other"}))
    assert session.set_up.undo()
    assert session.bundle is own


def test_a_model_that_was_trained_since_is_not_lost_by_undoing(two_models) -> None:
    session, own, loaded = two_models
    before = session.components
    composing.take_model(session, loaded)
    newest = SimpleNamespace(**{**vars(own), "hash": "newest"})
    session.bundle = newest
    assert session.set_up.undo()
    assert (session.components, session.bundle) == (before, newest)
    assert session.set_up.redo()
    assert session.bundle is newest


def test_few_models_are_kept(two_models) -> None:
    session, own, loaded = two_models
    for number in range(MOST_MODELS + 1):
        composing.take_model(session, SimpleNamespace(**{**vars(loaded), "hash": str(number)}))
    models = [step.models for step in session.set_up._done]
    assert [pair is not None for pair in models] == [False] + MOST_MODELS * [True]
    while session.set_up.undo():
        pass
    assert session.bundle.hash == "0"
    assert session.components == own.decomposition.components
    composing.take_model(session, session.bundle)
    for number in range(MOST_MODELS + 1):
        composing.take_model(session, SimpleNamespace(**{**vars(loaded), "hash": str(number)}))
    assert len(session.set_up._done) == MOST_MODELS + 1, "a step that moves nothing is none"
