"""Whatever is done to groups, selection and examples, taking it back restores all of it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from cells_in_groups import make_table
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_splicer.analysis.clustering import Clustering, add_clustering
from napari_splicer.analysis.teaching import teach
from napari_splicer.config import ClusteringSettings
from napari_splicer.gui import editing, lessons
from napari_splicer.gui.session import Session

NUMBERS = st.lists(st.integers(0, 10**6), min_size=3, max_size=3)
NAMES = ("a", "3", "unassigned", "tumour", "B cells", "a b", "1")
COLOURS = ("#000000", "#ff0000", "#12ab34")


def some(values, number):
    """Return one to three of ``values``, chosen by a number."""
    values = list(values)
    return sorted({values[(number // 7**i) % len(values)] for i in range(1 + number % 3)})


def split(session, a, b, c) -> None:
    group = a % len(session.groups)
    cells = session.groups[group].count
    editing.split(session, session.groups[group].name, (np.arange(cells) * (1 + b % 3)) % 3)


def taught(session, change):
    if session.lesson.types:
        change(session.lesson.types)


def kinds(session):
    return len(session.lesson.types)


STEPS = (
    lambda s, a, b, c: s.select(some(s.ids(), a)),
    lambda s, a, b, c: s.select(s.cells_of(a % len(s.groups))),
    lambda s, a, b, c: s.select([]),
    lambda s, a, b, c: editing.rename(s, a % len(s.groups), NAMES[b % len(NAMES)]),
    lambda s, a, b, c: editing.recolour(s, a % len(s.groups), COLOURS[b % 3]),
    lambda s, a, b, c: editing.merge(s, some(range(len(s.groups)), a)),
    lambda s, a, b, c: editing.delete(
        s, [g for g in some(range(len(s.groups)), a) if editing.can_be_deleted(s, g)]
    ),
    lambda s, a, b, c: editing.group_selection(s, NAMES[b % len(NAMES)]),
    split,
    lambda s, a, b, c: lessons.add_type(s, NAMES[b % len(NAMES)]),
    lambda s, a, b, c: kinds(s) and lessons.show(s, a % kinds(s), some(s.ids(), b)),
    lambda s, a, b, c: lessons.take_out(s, some(s.ids(), b)),
    lambda s, a, b, c: kinds(s) and lessons.rename_type(s, a % kinds(s), NAMES[b % len(NAMES)]),
    lambda s, a, b, c: kinds(s) and lessons.recolour_type(s, a % kinds(s), COLOURS[b % 3]),
    lambda s, a, b, c: kinds(s) and lessons.remove_type(s, a % kinds(s)),
    lambda s, a, b, c: lessons.choose_sources(s, ["intensity"] if a % 2 else ["representation"]),
    lambda s, a, b, c: setattr(s, "clustering", s.clusterings[a % len(s.clusterings)]),
)


def plain(value):
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return np.asarray(value).tolist() if isinstance(value, (np.ndarray, list)) else value


def held(session):
    """Return all that a step may change, and what must follow it."""
    table = session.table
    columns = {
        name: (list(table.obs[name].cat.categories), table.obs[name].cat.codes.tolist())
        for name in session.clusterings
    }
    notes = {key: plain(value) for key, value in table.uns.items() if key.endswith("_colors")}
    noted = plain({k: table.uns["splicer"].get(k, {}) for k in ("clusterings", "edits")})
    return columns, notes, noted, session.selection.tolist(), session.lesson.model_dump()


def shown(session) -> None:
    """Check that the legend says what the table says."""
    column = session.table.obs[session.clustering]
    assert [g.name for g in session.groups] == list(column.cat.categories)
    assert [g.count for g in session.groups] == column.value_counts(sort=False).tolist()
    assert [g.colour for g in session.groups] == list(
        session.table.uns[f"{session.clustering}_colors"]
    )


def begun() -> Session:
    """A session with two clusterings, of which one was taught."""
    session = Session()
    table = make_table(40)
    session.table = table
    codes = np.arange(40, dtype=np.int32) % 4
    add_clustering(
        table,
        Clustering(
            "other",
            pd.Index(table.obs_names),
            codes,
            ("1", "2", "3", "4"),
            ("#000000", "#111111", "#222222", "#333333"),
            ClusteringSettings(name="other"),
        ),
    )
    for group, name in enumerate("ab"):
        lessons.add_type(session, name)
        lessons.show(session, group, session.cells_of(group)[:4])
    lessons.keep(session, teach(table, session.lesson))
    return session


@given(st.lists(st.tuples(st.sampled_from(range(len(STEPS))), NUMBERS), max_size=12))
@settings(max_examples=25, deadline=None)
def test_steps_are_taken_back_and_done_again_exactly(steps) -> None:
    session = begun()
    states = [held(session)]
    for step, numbers in steps:
        before = session.history.next_undo, len(session.history.steps[0])
        STEPS[step](session, *numbers)
        shown(session)
        if len(session.history.steps[0]) > before[1]:
            states.append(held(session))
        assert held(session) == states[-1], "nothing is changed but by a step"
    count = len(states) - 1
    for state in reversed(states[:-1]):
        assert session.history.undo()
        shown(session)
        assert json.dumps(held(session)) == json.dumps(state)
    for state in states[1:]:
        assert session.history.redo()
        shown(session)
        assert held(session) == state
    assert not session.history.redo()
    assert count <= len(session.history.steps[0])
