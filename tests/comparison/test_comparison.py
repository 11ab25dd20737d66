"""Objectives against each other on a small synthetic tissue."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from napari_splicer import pipeline, synthetic_tissue
from napari_splicer.analysis.features import features
from napari_splicer.analysis.probe import probe, spatial_blocks
from napari_splicer.cli.app import call
from napari_splicer.comparison.questions import questions, score
from napari_splicer.comparison.study import INTENSITY, OBJECTIVES, Contest, compare
from napari_splicer.comparison.write import scores_table, summary, write_comparison
from napari_splicer.config import Component, ImageInput, Region, RunConfig
from napari_splicer.demo.files import write_inputs
from napari_splicer.embedding.table import note_representation
from napari_splicer.errors import (
    InvalidComponent,
    InvalidSettings,
    UnreadableFile,
    UnusableChannel,
    WouldOverwrite,
)
from napari_splicer.events import Cancel, Finished, Metrics, Warned
from napari_splicer.export.tables import flat_rows

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

    from napari_splicer.comparison.study import Measured

CONFIG = RunConfig(
    device="cpu",
    threads=1,
    components=(
        Component(name="immune", channels=("CD45", "CD3")),
        Component(name="granules", channels=("GZMB", "DNA"), region=Region(kind="cell")),
    ),
).with_values({"training.steps": 3, "training.batch": 16, "model.width": 4, "model.embedding": 16})
INPUTS = ("CD45", "CD3", "GZMB", "DNA")


@pytest.fixture(scope="module")
def tissue():
    return synthetic_tissue(size=320, seed=1)


@pytest.fixture(scope="module")
def table(tissue) -> AnnData:
    return pipeline.run(pipeline.embed([tissue.field], None, CONFIG))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("compare")


@pytest.fixture(scope="module")
def measured(tissue, place) -> tuple[Measured, ...]:
    return pipeline.run(compare([tissue.field], CONFIG, Contest(), place))


def test_channels_that_no_component_sees_are_questions(table) -> None:
    asked = {question.name: question for question in questions(table, INPUTS)}
    assert "PanCK+" in asked
    assert not {f"{name}+" for name in INPUTS} & set(asked)
    panck = asked["PanCK+"]
    bright = np.asarray(table[:, "PanCK"].X).ravel() > np.quantile(table[:, "PanCK"].X, 0.95)
    assert ((panck.answers == "PanCK+") == bright).all()


def test_answers_are_those_of_the_same_cells_in_whatever_order_they_are_read(
    tissue, table, tmp_path, monkeypatch
) -> None:
    other = table[np.random.default_rng(0).permutation(table.n_obs)].copy()
    other.obsm["X_splicer"] = np.asarray(other.X)  # which knows all answers

    def read_otherwise(*_: object, **__: object):
        yield from ()
        return other

    monkeypatch.setattr("napari_splicer.comparison.study._train_and_embed", read_otherwise)
    found = pipeline.run(compare([tissue.field], CONFIG, Contest(objectives=("je",)), tmp_path))
    assert found[1].scores["representation"]["PanCK+"]["auroc"] > 0.99


def test_what_intensity_knows_it_is_asked_without_the_answer(table) -> None:
    asked = questions(table, INPUTS)
    found = score(table, INPUTS, "intensity", asked)
    assert set(found) == {question.name for question in asked}
    assert found["CD8+"]["auroc"] > 0.7  # CD8 T cells have CD3 and CD45
    values = [value for scores in found.values() for value in scores.values()]
    assert all(0 <= value <= 1 for value in values)


def test_labels_are_joined_by_id(table, tissue, tmp_path) -> None:
    path = tmp_path / "labels.csv"
    types = tissue.types.rename(columns={"id": "instance_id"})[["instance_id", "type"]]
    types.sample(frac=0.8, random_state=0).to_csv(path, index=False)
    (asked,) = (q for q in questions(table, INPUTS, path) if q.name == "type")
    known = types.set_index("instance_id")["type"]
    ids = table.obs["instance_id"].to_numpy()[asked.rows]
    assert (known.loc[ids].to_numpy() == asked.answers).all()
    assert 0.5 < asked.rows.mean() <= 0.8


def test_labels_in_an_exported_table_will_do_and_a_single_class_is_left_out(
    table, tissue, tmp_path
) -> None:
    path = tmp_path / "cells.csv"
    types = tissue.types[["id", "type"]].assign(image=table.obs["region"].iloc[0], site="tumour")
    types.to_csv(path, index=False)
    before = {question.name for question in questions(table, INPUTS)}
    assert {q.name for q in questions(table, INPUTS, path)} - before == {"type"}
    rows = flat_rows(table).merge(types[["id", "type"]], on="id").assign(area=np.arange(247) % 3)
    rows.to_csv(path, index=False)  # what was measured is no class
    assert {q.name for q in questions(table, INPUTS, path)} - before == {"type"}
    types.assign(instance_id=types["id"], id="x").to_csv(path, index=False)
    assert {q.name for q in questions(table, INPUTS, path)} - before == {"type"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("number,type\n1,a\n", "instance_id"),
        ("instance_id,type\n1,a\n1,b\n", "twice"),
        ("instance_id,type\n999999,a\n", "tells of 0 of the 247 cells of these images"),
        ("", "can't be read as a table"),
    ],
)
def test_labels_that_do_not_fit_are_told(table, tmp_path, text, words) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableFile, match=words):
        questions(table, INPUTS, path)


def test_labels_are_those_of_the_image(table, tissue, tmp_path) -> None:
    path, image = tmp_path / "labels.csv", table.obs["region"].iloc[0]
    types = tissue.types[["id", "type"]]
    types.assign(image="another").to_csv(path, index=False)
    with pytest.raises(UnreadableFile, match=f"tells of no cell in {image}"):
        questions(table, INPUTS, path)
    other = types.assign(type=types["type"].to_numpy()[::-1], image="another")
    pd.concat([other, types.assign(image=f"{image}.ome.tif")]).to_csv(path, index=False)
    (asked,) = (q for q in questions(table, INPUTS, path) if q.name == "type")
    known = types.set_index("id")["type"]
    assert (known.loc[table.obs["instance_id"][asked.rows]].to_numpy() == asked.answers).all()


def test_cells_that_hold_nothing_are_not_asked(table) -> None:
    gone = table.copy()
    gone.X[:5] = np.nan
    asked = questions(table, INPUTS)
    found = score(gone, INPUTS, "intensity", asked)
    assert all(np.isfinite(value) for each in found.values() for value in each.values())
    (panck,) = (question for question in asked if question.name == "PanCK+")
    gone.X[panck.answers == "PanCK-"] = np.nan
    with pytest.raises(UnusableChannel, match="PanCK"):
        score(gone, INPUTS, "intensity", [panck])


def test_without_withheld_markers_or_labels_there_is_nothing_to_ask(table) -> None:
    with pytest.raises(InvalidSettings, match="nothing to compare"):
        questions(table, tuple(table.var_names))


def test_what_can_not_be_asked_is_told_before_any_cell_is_measured(tissue, tmp_path) -> None:
    labels = Contest(labels=tmp_path / "absent.csv")
    with pytest.raises(UnreadableFile, match=r"absent.csv can't be read as a table"):
        next(compare([tissue.field], CONFIG, labels, tmp_path))
    everything = CONFIG.with_values(
        {"components": [{"name": "all", "channels": list(tissue.field.image.channels)}]}
    )
    with pytest.raises(InvalidSettings, match="nothing to compare"):
        next(compare([tissue.field], everything, Contest(), tmp_path))


def test_every_objective_is_measured_beside_mean_intensity(measured) -> None:
    assert [found.name for found in measured] == [
        INTENSITY,
        *(f"{objective}, vicreg" for objective in OBJECTIVES),
    ]
    assert all(found.rankme >= 1 for found in measured)
    scores = scores_table(measured)
    assert set(scores["features"]) == {
        INTENSITY,
        *(f"{o}, vicreg" for o in OBJECTIVES),
        *(f"{o}, vicreg + {INTENSITY}" for o in OBJECTIVES),
        *(f"{o}, vicreg, {c} alone" for o in ("splicer", "concat") for c in ("immune", "granules")),
    }
    measures = ["auroc", "macro_f1", "balanced_accuracy", "accuracy", "knn_accuracy"]
    assert ((scores[measures] >= 0) & (scores[measures] <= 1)).all(axis=None)


def test_accuracies_are_those_of_the_two_probes(table) -> None:
    asked = questions(table, INPUTS)[:1]
    found = score(table, INPUTS, "intensity", asked)[asked[0].name]
    x = features(table[:, list(INPUTS)].copy(), "intensity")
    blocks = spatial_blocks(table.obsm["spatial"], 4)
    assert found["accuracy"] == probe(x, asked[0].answers, blocks).accuracy
    near = probe(x, asked[0].answers, blocks, classifier="knn")
    assert found["knn_accuracy"] == near.accuracy


def test_a_comparison_stopped_while_it_asks_does_not_train_again(
    measured, tissue, tmp_path, monkeypatch
) -> None:
    contest, cancel, asked = Contest(objectives=("splicer",)), Cancel(), []

    def stop_at_the_second(x, *rest, **options):
        asked.append(x.shape)
        if x.shape[1] != len(INPUTS):  # mean intensity is asked first
            cancel.request()
        return probe(x, *rest, **options)

    monkeypatch.setattr("napari_splicer.comparison.questions.probe", stop_at_the_second)
    *_, last = compare([tissue.field], CONFIG, contest, tmp_path, cancel=cancel)
    assert last.cancelled
    assert [found.name for found in last.result] == [INTENSITY]
    assert sum(shape[1] != len(INPUTS) for shape in asked) == 2, "both probes of one question"
    monkeypatch.undo()
    events = list(compare([tissue.field], CONFIG, contest, tmp_path))
    assert not any(isinstance(event, Metrics) for event in events)
    (again,) = (m for m in events[-1].result if m.name == "splicer, vicreg")
    (whole,) = (m for m in measured if m.name == "splicer, vicreg")
    assert again.scores == whole.scores
    assert not list(tmp_path.rglob("checkpoint*"))


def test_a_chunk_that_is_the_same_for_all_cells_is_told_and_left_out(
    tissue, table, tmp_path, monkeypatch
) -> None:
    dead = table.copy()
    dead.obsm["X_splicer"] = np.asarray(dead.X)
    dead.obsm["X_splicer_chunks"] = np.ones((dead.n_obs, 3), np.float32)
    note_representation(dead, dead.n_vars, {"immune": slice(0, 3)})

    def collapsed(*_: object, **__: object):
        yield from ()
        return dead

    monkeypatch.setattr("napari_splicer.comparison.study._train_and_embed", collapsed)
    events = list(compare([tissue.field], CONFIG, Contest(objectives=("je",)), tmp_path))
    assert set(events[-1].result[1].scores) == {"representation", "combined"}
    assert any("chunk:immune" in event.message for event in events if isinstance(event, Warned))


def test_a_comparison_of_before_is_written_without_what_it_did_not_measure(
    measured, tmp_path
) -> None:
    known = ("auroc", "macro_f1", "balanced_accuracy")
    old = [
        replace(found, scores={
            source: {q: {key: s[key] for key in known} for q, s in answers.items()}
            for source, answers in found.scores.items()
        })
        for found in measured
    ]  # fmt: skip
    page = write_comparison(old, tmp_path)[1].read_text(encoding="utf-8")
    assert " | – | – |" in page


def test_what_was_measured_is_not_measured_again(measured, tissue, place) -> None:
    events = list(compare([tissue.field], CONFIG, Contest(), place))
    assert not any(isinstance(event, Metrics) for event in events)
    assert events[-1].result == measured


def test_other_settings_do_not_mix(measured, tissue, place) -> None:
    other = CONFIG.with_values({"training.steps": 4})
    with pytest.raises(WouldOverwrite, match="other settings"):
        next(compare([tissue.field], other, Contest(), place))


def test_other_labels_do_not_mix(measured, tissue, place, tmp_path) -> None:
    path = tmp_path / "labels.csv"
    tissue.types[["id", "type"]].to_csv(path, index=False)
    events: list[object] = []
    with pytest.raises(WouldOverwrite, match="other cells or labels"):
        pipeline.run(compare([tissue.field], CONFIG, Contest(labels=path), place), events.append)
    assert events
    assert not any(isinstance(event, Metrics) for event in events)
    contest = Contest(objectives=("je",), labels=path)
    again = compare([tissue.field], CONFIG, contest, place, overwrite=True)
    *_, found = (event for event in again if isinstance(event, Finished))
    assert all("type" in scores for each in found.result for scores in each.scores.values())


def test_a_comparison_that_was_stopped_goes_on_to_the_same_result(
    measured, tissue, tmp_path
) -> None:
    contest = Contest(objectives=("splicer",))
    cancel = Cancel()
    for event in compare([tissue.field], CONFIG, contest, tmp_path, cancel=cancel):
        if isinstance(event, Metrics) and event.step == 2:
            cancel.request()
    assert isinstance(event, Finished)
    assert event.cancelled
    assert [found.name for found in event.result] == [INTENSITY]
    events = list(compare([tissue.field], CONFIG, contest, tmp_path))
    assert min(event.step for event in events if isinstance(event, Metrics)) == 3
    (again,) = (m for m in events[-1].result if m.name == "splicer, vicreg")
    (whole,) = (m for m in measured if m.name == "splicer, vicreg")
    assert again.scores == whole.scores


def _stopped(field, folder) -> None:
    cancel = Cancel()
    contest = Contest(objectives=("splicer",))
    for event in compare([field], CONFIG, contest, folder, cancel=cancel):
        if isinstance(event, Metrics) and event.step == 2:
            cancel.request()
    assert event.cancelled


def test_a_comparison_that_was_stopped_begins_anew_with_other_settings_if_asked_to(
    tissue, tmp_path
) -> None:
    _stopped(tissue.field, tmp_path)
    other, contest = CONFIG.with_values({"model.width": 8}), Contest(objectives=("splicer",))
    refused = compare([tissue.field], other, contest, tmp_path)
    with pytest.raises(WouldOverwrite, match=r"other settings.*allow overwriting"):
        next(refused)
    events = list(compare([tissue.field], other, contest, tmp_path, overwrite=True))
    assert min(event.step for event in events if isinstance(event, Metrics)) == 1
    assert [found.name for found in events[-1].result] == [INTENSITY, "splicer, vicreg"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "splicer-vicreg-seed-0.json"
    ]


def test_a_comparison_that_was_stopped_begins_anew_on_other_images_if_asked_to(
    tissue, tmp_path
) -> None:
    _stopped(tissue.field, tmp_path)
    other = synthetic_tissue(size=320, seed=2, name=tissue.field.name).field
    contest = Contest(objectives=("splicer",))
    with pytest.raises(WouldOverwrite, match=r"other images.*allow overwriting"):
        list(compare([other], CONFIG, contest, tmp_path))
    events = list(compare([other], CONFIG, contest, tmp_path, overwrite=True))
    assert [found.name for found in events[-1].result] == [INTENSITY, "splicer, vicreg"]


def test_the_page_tells_every_score(measured, tmp_path) -> None:
    paths = write_comparison(measured, tmp_path)
    assert [path.name for path in paths] == ["comparison.csv", "comparison.md", "comparison.png"]
    rows = pd.read_csv(paths[0])
    assert len(rows) == len(scores_table(measured))
    page = paths[1].read_text(encoding="utf-8")
    best = summary(measured).iloc[0]
    assert f"{best['auroc']:.3f}" in page
    assert page.index(str(summary(measured).index[0])) < page.index(
        str(summary(measured).index[-1])
    )
    with pytest.raises(WouldOverwrite):
        write_comparison(measured, tmp_path)


def test_images_that_one_objective_can_not_do_with_are_refused_at_the_start(
    tissue, tmp_path
) -> None:
    image = tissue.field.image
    smaller = image.select([name for name in image.channels if name != "CD3"])
    other = replace(tissue.field, image=replace(smaller, name="smaller"))
    found = compare([tissue.field, other], CONFIG, Contest(), tmp_path)
    with pytest.raises(InvalidComponent, match="CD3, which the image smaller does not have"):
        next(found)


def test_seeds_give_a_spread(measured) -> None:
    twice = [*measured, *(_with_seed(found, 1) for found in measured)]
    spread = summary(twice)["auroc_sd"]
    assert spread.notna().all()
    assert np.allclose(spread, 0)
    assert summary(measured)["auroc_sd"].isna().all()


def _with_seed(found: Measured, seed: int) -> Measured:
    return type(found)(**{**vars(found), "seed": seed})


def test_the_command(tissue, tmp_path, capsys) -> None:
    config = CONFIG.model_copy(
        update={"inputs": (ImageInput(image="a.ome.tif", mask="a_mask.tif", name="a"),)}
    )
    write_inputs(tissue, config, tmp_path)
    run = tmp_path / "run.toml"
    run.write_text(config.to_toml(), encoding="utf-8")
    words = ["compare", str(run), "--objectives", "je", "splicer", "--json"]
    assert call(words) == 0
    folder = tmp_path / config.output / "compare"
    assert {path.suffix for path in folder.glob("comparison.*")} == {".csv", ".md", ".png"}
    kept = json.loads((folder / "je-vicreg-seed-0.json").read_text(encoding="utf-8"))
    assert kept["config"]["model"]["objective"] == "je"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["what"] for line in lines if "what" in line} == {"comparison"}
    assert call(["compare", str(run), "--objectives", "magic", "--quiet"]) == 2
