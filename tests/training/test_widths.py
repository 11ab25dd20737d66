"""Widths of chunks by a trial: how they are shared out, and what becomes of the training."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import ModelSettings, TrainingSettings, parse_run
from napari_splicer.errors import InvalidComponent, InvalidSettings, TrainingFailed
from napari_splicer.events import Cancel, Metrics, Progress, Warned
from napari_splicer.training import widths
from napari_splicer.training.checkpoint import as_begun
from napari_splicer.training.estimate import estimate_seconds
from napari_splicer.training.learner import Learner
from napari_splicer.training.resolve import resolve
from napari_splicer.training.trainer import fit
from napari_splicer.training.widths import count_trial_steps, needs_trial, widths_by_rank

RANKS = st.floats(1.0, 300.0)
PARTS = st.lists(st.tuples(RANKS, st.none() | st.integers(1, 40)), min_size=1, max_size=12).filter(
    lambda parts: any(width is None for _, width in parts)
)


@st.composite
def embeddings(draw):
    """Ranks, an embedding with room for all, and widths of which some are fixed."""
    ranks, fixed = zip(*draw(PARTS), strict=True)
    room = sum(width or 1 for width in fixed)
    return ranks, draw(st.integers(room, room + 500)), fixed


@given(embeddings())
def test_widths_fill_the_embedding_and_fixed_ones_stay(embedding):
    ranks, total, fixed = embedding
    found = widths_by_rank(ranks, total, fixed)
    assert sum(found) == total
    assert all(width == given for width, given in zip(found, fixed, strict=True) if given)


@given(embeddings())
def test_every_open_chunk_keeps_a_quarter_of_an_equal_share(embedding):
    ranks, total, fixed = embedding
    found = [
        w for w, given in zip(widths_by_rank(ranks, total, fixed), fixed, strict=True) if not given
    ]
    equal = sum(found) / len(found)
    assert min(found) >= max(1, math.floor(equal / 4))


@given(embeddings())
def test_a_higher_rank_never_gets_less(embedding):
    ranks, total, fixed = embedding
    found = zip(ranks, widths_by_rank(ranks, total, fixed), fixed, strict=True)
    by_rank = [width for _, width in sorted((r, w) for r, w, given in found if given is None)]
    assert by_rank == sorted(by_rank)


@given(embeddings(), st.randoms())
def test_components_in_another_order_get_the_same_widths(embedding, random):
    ranks, total, fixed = embedding
    order = list(range(len(ranks)))
    random.shuffle(order)
    shuffled = widths_by_rank([ranks[i] for i in order], total, [fixed[i] for i in order])
    straight = widths_by_rank(ranks, total, fixed)

    def by_rank(found, places):
        return sorted((ranks[i], fixed[i] or 0, w) for i, w in zip(places, found, strict=True))

    assert by_rank(shuffled, order) == by_rank(straight, range(len(ranks)))


def test_equal_ranks_share_equally():
    fixed = Decomposition.per_channel("abcde").components
    assert widths_by_rank([3.0] * 5, 23, [None] * 5) == Decomposition(fixed).widths(23)


def test_a_trial_is_a_tenth_of_the_training_within_bounds():
    assert [count_trial_steps(n) for n in (6, 300, 3000, 100_000)] == [100, 100, 300, 600]


@pytest.fixture
def short_trial(monkeypatch):
    monkeypatch.setattr(widths, "TRIAL_STEPS", (4, 4))


@pytest.fixture
def asked(quick, short_trial):
    return quick.with_values({"model.widths": "automatic", "model.embedding": 16})


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def same(one, other):
    a, b = one.network.state_dict(), other.network.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def width_of(config):
    return {component.name: component.width for component in config.components}


def sentence(events):
    """Return what was said of a trial; None where there was none."""
    said = [w.message for w in of(Warned, events) if "short trial" in w.message]
    assert len(said) < 2
    return said[0] if said else None


def test_a_component_with_more_to_say_gets_a_wider_chunk(field, quick, monkeypatch):
    monkeypatch.setattr(widths, "TRIAL_STEPS", (60, 60))
    markers = field.image.channels
    one = quick.components[0].model_copy(update={"name": "one", "channels": ("CD45",)})
    many = one.model_copy(update={"name": "many", "channels": markers})
    run = quick.model_copy(
        update={
            "components": (one, many),
            "model": ModelSettings(width=16, embedding=16, hidden=128, widths="automatic"),
            "training": TrainingSettings(steps=1, batch=32),
        }
    )
    found = width_of(list(fit([field], run))[-1].result.config)
    assert found["many"] > found["one"]
    assert sum(found.values()) == 16


def test_the_trial_is_told_and_its_widths_are_the_models(field, asked):
    events = list(fit([field], asked))
    bundle = events[-1].result
    tried = [e for e in of(Progress, events) if e.unit == "trial steps"]
    assert [(e.done, e.total, e.message) for e in tried] == [
        (n, 4, "Trying out widths") for n in (1, 2, 3, 4)
    ]
    assert [m.step for m in of(Metrics, events)] == [1, 2, 3, 4, 5, 6]  # the training's alone
    found = width_of(bundle.config)
    assert bundle.config.components == bundle.decomposition.components
    assert bundle.config.model.widths == "equal"
    chunks = {name: s.stop - s.start for name, s in bundle.network.component_slices.items()}
    assert chunks == found
    for name, width in found.items():
        assert f"{name} {width} (rank " in sentence(events)


def test_replaying_the_resolved_run_repeats_the_model_without_a_trial(field, asked):
    bundle = list(fit([field], asked))[-1].result
    again = list(fit([field], parse_run(bundle.config.model_dump(mode="json"))))
    assert sentence(again) is None
    assert same(again[-1].result, bundle)
    assert again[-1].result.config == bundle.config


@pytest.mark.parametrize("stop", [1, 4])
def test_resumed_it_skips_the_trial_and_is_uninterrupted(stop, field, asked, tmp_path):
    whole = list(fit([field], asked))[-1].result
    cancel = Cancel()
    for event in fit([field], asked, folder=tmp_path, cancel=cancel):
        if isinstance(event, Metrics) and event.step == stop:
            cancel.request()
    resumed = list(fit([field], asked, folder=tmp_path, resume=True))
    assert sentence(resumed) is None
    assert [m.step for m in of(Metrics, resumed)] == list(range(stop + 1, 7))
    assert same(resumed[-1].result, whole)
    assert resumed[-1].result.history == whole.history


@pytest.mark.parametrize("values", [{"model.embedding": 20}, {"components.0.name": "others"}])
def test_widths_of_other_components_are_not_gone_on_with(values, field, asked, tmp_path):
    list(fit([field], asked, folder=tmp_path))
    with pytest.raises(InvalidSettings, match="made with other settings"):
        list(fit([field], asked.with_values(values), folder=tmp_path, resume=True))


@pytest.mark.parametrize("done", [0, 1, 3, 4])
def test_cancelled_within_the_trial(done, field, asked, tmp_path):
    cancel, seen = Cancel(), []
    for event in fit([field], asked, folder=tmp_path, cancel=cancel):
        seen.append(event)
        reading = isinstance(event, Progress) and event.done == event.total and not done
        if reading or (
            isinstance(event, Progress) and event.unit == "trial steps" and event.done == done
        ):
            cancel.request()
    assert len([e for e in of(Progress, seen) if e.unit == "trial steps"]) == done
    assert seen[-1].cancelled
    assert seen[-1].result is None
    assert seen[-1].message == "Stopped before training began."
    assert list(tmp_path.iterdir()) == []


def with_widths(config, *given):
    parts = zip(config.components, given, strict=True)
    components = tuple(part.model_copy(update={"width": width}) for part, width in parts)
    return config.model_copy(update={"components": components})


@pytest.mark.parametrize("given", [(5, 11), (5, None)])
def test_where_nothing_is_open_there_is_no_trial(given, field, asked):
    run = with_widths(asked, *given)
    assert not needs_trial(run)
    assert needs_trial(asked)
    resolved = resolve(run, [field])
    assert resolved.model.widths == "equal"
    assert list(width_of(resolved).values()) == [5, 11]


@pytest.mark.parametrize("objective", ["je", "sum-je"])
def test_objectives_without_chunks_ignore_it(objective, field, asked):
    run = asked.with_values({"model.objective": objective})
    equal = run.with_values({"model.widths": "equal"})
    assert resolve(run, [field]) == resolve(equal, [field])
    assert sentence(fit([field], run)) is None


@pytest.mark.parametrize("model", [{"objective": "concat", "shared": 2}, {"shared": 2}])
def test_concat_and_a_shared_chunk(model, field, asked):
    run = asked.with_values({f"model.{name}": value for name, value in model.items()})
    bundle = list(fit([field], run))[-1].result
    room = 16 if "objective" in model else 14
    assert sum(width_of(bundle.config).values()) == room
    assert ("shared" in bundle.network.component_slices) == (room < 16)


def test_some_widths_given_and_some_found(field, asked):
    third = asked.components[0].model_copy(update={"name": "third", "width": 5})
    run = asked.model_copy(update={"components": (*asked.components, third)})
    events = list(fit([field], run))
    found = width_of(events[-1].result.config)
    assert found["third"] == 5
    assert sum(found.values()) == 16
    assert "third" not in sentence(events)


def test_widths_that_do_not_fit_are_refused_before_anything_is_read(field, asked):
    run = asked.model_copy(update={"components": (*with_widths(asked, 16, None).components,)})
    with pytest.raises(InvalidComponent, match="leave 0 for 1 more"):
        list(fit([field], run))


def test_the_trials_training_leaves_out_what_only_the_end_needs(field, asked):
    run = asked.with_values({"training.ema": 0.9, "training.patience": 1})
    bundle = list(fit([field], run))[-1].result
    assert bundle.config.training.ema == 0.9
    assert bundle.config.training.patience == 1


def test_settings_that_ask_for_a_trial_are_gone_on_with_as_begun(field, asked):
    past = list(fit([field], asked))[-1].result.config
    begun = as_begun(asked, past)
    assert begun.components == past.components
    assert begun.model.widths == "equal"
    given = with_widths(asked, 1, None)
    assert as_begun(given, past).components == given.components
    equal = asked.with_values({"model.widths": "equal"})
    assert as_begun(equal, past).components == equal.components


def test_the_estimate_counts_the_trial(asked, monkeypatch):
    monkeypatch.setattr("napari_splicer.training.estimate.measure_step", lambda *_: 0.5)
    equal = asked.with_values({"model.widths": "equal"})
    without, with_trial = (estimate_seconds(config, 200) for config in (equal, asked))
    assert with_trial == {preset: seconds + 0.5 * 4 for preset, seconds in without.items()}


def test_a_trial_that_finds_no_rank_ends_in_a_sentence(field, quick, monkeypatch):
    monkeypatch.setattr(Learner, "look", lambda _: {})
    config = quick.with_values({"model.widths": "automatic", "training.steps": 40})
    with pytest.raises(TrainingFailed, match="trial that finds how wide chunks are"):
        list(fit([field], config))
