from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_splicer import pipeline
from napari_splicer.analysis.maps import add_map, find_map, further_maps
from napari_splicer.config import ClusteringSettings, ProjectionSettings
from napari_splicer.errors import NoCells
from napari_splicer.events import Finished, Metrics, Progress, Started, Warned
from napari_splicer.gui import commands, editing
from napari_splicer.gui.earlier import look
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.stopped import Stopped
from napari_splicer.gui.training_report import MOST

if TYPE_CHECKING:
    from napari_splicer.gui.commands import Run
    from napari_splicer.gui.session import Session


def carry_out(session: Session, run: Run) -> None:
    commands.begin(session, run)
    for event in run.events():
        commands.apply(session, run, [event])


def test_training_leads_to_groups_by_itself(session) -> None:
    run: Run | None = commands.train(session)
    stages = []
    while run is not None:
        stages.append(run.stage)
        carry_out(session, run)
        run = commands.follow_up(session, run)
    assert stages == ["train", "embed", "cluster"]
    assert session.bundle is not None
    assert session.bundle.config.components[0].name == "immune"
    assert session.table is not None
    assert session.table.n_obs == session.facts.cells
    assert session.clustering == "splicer_cluster"
    assert sum(group.count for group in session.groups) == session.table.n_obs
    assert session.metrics[-1].step == 4
    assert session.job is None
    assert session.notice is None or session.notice.kind == "warning"

    by_chunk = ClusteringSettings(name="splicer_cluster", source="chunk:immune", method="kmeans")
    first = session.table.obs["splicer_cluster"].copy()
    first_map = session.table.obsm["X_umap"]
    editing.rename(session, 0, "mine")
    run, other = commands.cluster(session, by_chunk), ProjectionSettings(source="chunk:immune")
    add_map(session.table, first_map + 1, other)  # meanwhile
    carry_out(session, run)
    np.testing.assert_array_equal(session.table.obsm[find_map(session.table, other)], first_map + 1)
    assert session.clusterings == ("splicer_cluster", "splicer_cluster_2")
    assert session.clustering == "splicer_cluster_2"
    assert "mine" in session.table.obs["splicer_cluster"].cat.categories
    assert (session.table.obs["splicer_cluster"].cat.codes == first.cat.codes).all()

    np.testing.assert_array_equal(session.table.obsm["X_umap"], first_map)
    anew = by_chunk.model_copy(update={"name": "splicer_cluster_2", "clusters": 3})
    carry_out(session, commands.recluster(session, anew))
    assert session.clusterings == ("splicer_cluster", "splicer_cluster_2")
    assert len(session.groups) == 3
    assert further_maps(session.table)
    carry_out(session, commands.embed(session))  # whose numbers other maps are made of
    assert further_maps(session.table) == {}


def test_without_a_model_cells_are_grouped_by_intensity(session, tmp_path) -> None:
    carry_out(session, commands.embed(session, with_model=False))
    assert session.table is not None
    assert "X_splicer" not in session.table.obsm
    run = commands.cluster(session)
    assert run.config.clusterings[0].source == run.config.projection.source == "intensity"
    carry_out(session, run)
    assert session.groups

    session.settings = session.settings.with_values({"export.formats": ["csv"]})
    carry_out(session, commands.export(session, tmp_path / "out"))
    assert any(path.suffix == ".csv" and path.is_file() for path in session.exported)
    assert session.made_from["export"].table is session.table


def test_a_snapshot_does_not_follow_the_session(session) -> None:
    run = commands.train(session)
    session.components = ()
    assert [part.name for part in run.config.components] == ["immune", "around"]


def test_events_become_progress_curves_and_notices(session) -> None:
    run = commands.train(session)
    commands.begin(session, run)
    commands.apply(
        session,
        run,
        [
            Started("train", 10, "steps"),
            Progress("train", 3, 10, "steps", seconds_left=7.0),
            Metrics("train", 3, {"loss": 1.0}),
            Warned("train", "Few cells."),
            Warned("train", "Large patches."),
            Warned("train", "Few cells."),
        ],
    )
    assert session.job is not None
    assert session.job.fraction == 0.3
    assert session.job.seconds_left == 7.0
    assert len(session.metrics) == 1
    assert session.notice.text == "Few cells. Large patches."


def test_results_of_an_older_run_are_refused(session) -> None:
    old, new = commands.train(session), commands.train(session)
    commands.begin(session, old)
    commands.begin(session, new)
    commands.apply(session, old, [Finished("train", result="late")])
    commands.fail(session, old, NoCells("late"))
    assert session.bundle is None
    assert session.notice is None
    assert session.job.run == new.number


def test_curves_of_a_long_training_stay_short(session: Session) -> None:
    run = commands.train(session)
    commands.begin(session, run)
    ranks, length = {999, 40_000}, 100_000
    for start in range(1, length, 50):
        steps = range(start, start + 50)
        commands.apply(
            session,
            run,
            [
                Metrics("train", n, {"loss": 1 / n} | ({"rankme": 3.0} if n in ranks else {}))
                if n != 60_000
                else Metrics("train", n)  # a step that was skipped
                for n in steps
            ],
        )
        assert len(session.metrics) < MOST + 50
    kept = [event.step for event in session.metrics]
    assert len(kept) > MOST / 2
    assert kept == sorted(set(kept))
    assert kept[-1] == length
    assert {event.step for event in session.metrics if "rankme" in event.values} == ranks
    often, _ = np.histogram(kept, 10)  # as many at the end as at the beginning
    assert often.max() <= 1.1 * often.min()


def test_cancelled_training_keeps_the_model_and_says_so(session) -> None:
    run = commands.train(session)
    commands.begin(session, run)
    events = run.events()
    for event in events:
        commands.apply(session, run, [event])
        if isinstance(event, Metrics):
            commands.request_cancel(session, run)
            commands.request_cancel(session, run)
    assert session.bundle is not None
    assert "kept" in session.notice.text
    assert commands.follow_up(session, run) is None
    earlier = look(commands.run_folder(session), session.bundle)
    assert earlier.unfinished
    assert "stopped before its end" in earlier.why_not

    before = [m.step for m in session.metrics]
    session.metrics = ()  # as when napari was started anew
    again = commands.train(session, resume=earlier)
    commands.begin(session, again)
    assert [m.step for m in session.metrics] == before
    assert "loss/immune" in session.metrics[0].values
    carry_out(session, again)
    assert [m.step for m in session.metrics] == [1, 2, 3, 4]
    assert session.metrics[-1].step == 4
    assert not look(commands.run_folder(session), session.bundle).unfinished


def test_what_takes_the_place_of_a_stopped_training_says_so_while_it_runs(session) -> None:
    for stopped in (True, False):
        run = commands.train(session)
        commands.begin(session, run)
        said = []
        for event in run.events():
            commands.apply(session, run, [event])
            if isinstance(event, Metrics) and stopped:
                commands.request_cancel(session, run)
            elif isinstance(event, Metrics) and session.notice is not None:
                said.append(session.notice.text)
    assert all("It will be replaced" in text for text in said)
    assert len(said) == 4
    assert session.notice is None or "replaced" not in session.notice.text


def test_a_training_that_has_ended_is_given_more_steps(session) -> None:
    assert "not there any more" in look(commands.run_folder(session), None).why_not
    carry_out(session, commands.train(session))
    first, folder = session.bundle, commands.run_folder(session)
    earlier = look(folder, first)
    assert (earlier.of_model, earlier.why_not, earlier.steps) == (True, "", 4)
    longer = commands.train(session, resume=earlier, more=10)
    commands.begin(session, longer)
    for event in longer.events():
        commands.apply(session, longer, [event])
        if isinstance(event, Metrics) and event.step == 6:
            commands.request_cancel(session, longer)
    earlier = look(folder, session.bundle)
    assert (earlier.unfinished, earlier.steps, earlier.restarts) == (True, 14, (4,))
    carry_out(session, commands.train(session, resume=earlier))
    assert session.metrics[-1].step == 14
    assert session.bundle.config.training.restarts == (4,)
    assert resolve(session.snapshot()).steps["model"].status == "done"
    assert "Another training" in look(folder, first).why_not


def test_a_pause_is_noted_and_a_stop_ends_it(session) -> None:
    run = commands.train(session)
    commands.begin(session, run)
    commands.request_pause(session, run, paused=True)
    assert (session.job.paused, run.cancel.paused) == (True, True)
    assert resolve(session.snapshot()).advice.startswith("Paused")
    commands.request_pause(session, run, paused=False)
    assert (session.job.paused, run.cancel.paused) == (False, False)
    commands.request_pause(session, run, paused=True)
    commands.request_cancel(session, run)
    assert (session.job.paused, run.cancel.paused) == (False, False)
    commands.request_pause(session, run, paused=True)
    assert not session.job.paused


def test_a_failure_is_a_sentence_with_details(session) -> None:
    run = commands.train(session)
    commands.begin(session, run)
    try:
        raise KeyError("plane")
    except KeyError as error:
        commands.fail(session, run, error)
    assert session.notice.text.startswith("The program has made a mistake (KeyError: 'plane').")
    assert "raise KeyError" in session.notice.details
    commands.begin(session, run)
    commands.fail(session, run, NoCells("The mask has no cells.", "Choose another."))
    assert session.notice.text == "The mask has no cells. Choose another."
    assert session.notice.details == ""


def test_a_cancelled_embedding_leaves_the_table(session, table) -> None:
    session.table = table
    run = commands.embed(session)
    commands.begin(session, run)
    commands.apply(session, run, [Finished("embed", result=None, cancelled=True)])
    assert session.table is table
    assert "as it was" in session.notice.text


def test_an_embedding_that_was_stopped_is_gone_on_with(session) -> None:
    session.settings = session.settings.with_values({"embedding.batch": 20})
    carry_out(session, commands.train(session))
    whole = pipeline.run(commands.embed(session).events())

    def stop() -> None:
        run = commands.embed(session)
        commands.begin(session, run)
        for event in run.events():
            commands.apply(session, run, [event])
            if isinstance(event, Progress):
                commands.request_cancel(session, run)

    stop()
    assert session.table is None
    assert session.stopped.table.n_obs == 20
    assert f"20 of {whole.n_obs} cells are described already" in session.notice.text
    stop()
    assert session.stopped.table.n_obs == 40, "the second goes on from the first"
    carry_out(session, commands.embed(session))
    assert session.stopped is None
    assert session.table.obs_names.equals(whole.obs_names)
    np.testing.assert_array_equal(session.table.X, whole.X)
    np.testing.assert_allclose(
        session.table.obsm["X_splicer"], whole.obsm["X_splicer"], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("change", ["patches.size", "seed", "cells"])
def test_cells_described_otherwise_are_not_gone_on_with(session, change) -> None:
    session.stopped = Stopped(session.snapshot().inputs(), table=object())
    assert session.stopped.is_of(session.snapshot())
    assert commands.embed(session).earlier is not None
    if change == "cells":
        session.cells = replace(session.cells, name="another mask")
    else:
        session.settings = session.settings.with_values({change: 24})
    assert commands.embed(session).earlier is None


def test_going_on_that_fails_is_not_tried_again(session) -> None:
    session.stopped = Stopped(session.snapshot().inputs(), table=object())
    run = commands.embed(session)
    commands.begin(session, run)
    commands.fail(session, run, NoCells("They are of other cells.", "Describe all cells anew."))
    assert commands.embed(session).earlier is None


def test_a_failure_is_noted(session) -> None:
    run = commands.train(session)
    commands.begin(session, run)
    commands.fail(session, run, NoCells("No cells.", "Choose a mask."))
    assert session.job is None
    assert session.notice.kind == "error"
    assert session.notice.text == "No cells. Choose a mask."


def test_what_is_missing_is_refused(session, table, tmp_path) -> None:
    with pytest.raises(RuntimeError, match="no table"):
        commands.cluster(session).events()
    session.table = table
    export = replace(commands.export(session, tmp_path), folder=None)
    with pytest.raises(RuntimeError, match="no folder"):
        export.events()


def test_the_gui_keeps_a_core(session, monkeypatch) -> None:
    session.settings = session.settings.with_values({"threads": None})
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert commands.train(session).config.threads == 7
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert commands.train(session).config.threads == 1


def test_a_stopped_export_is_not_called_done(session, table, tmp_path) -> None:
    session.table = table
    run = commands.export(session, tmp_path)
    commands.begin(session, run)
    written = (tmp_path / "cells.csv",)
    commands.apply(session, run, [Finished("export", result=written, cancelled=True)])
    assert session.exported == written
    assert "export" not in session.made_from


def test_what_runs_reads_the_table_as_it_was(session, table) -> None:
    session.table = table
    run = commands.cluster(session)
    assert run.table.X is table.X
    table.obs["first"] = table.obs["first"].cat.rename_categories({"1": "tumour"})
    table.uns["splicer"]["clusterings"]["first"]["method"] = "by hand"
    assert list(run.table.obs["first"].cat.categories) == ["1", "2"]
    assert run.table.uns["splicer"]["clusterings"]["first"]["method"] == "leiden"
