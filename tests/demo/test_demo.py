"""The demonstration: what it leaves on disk, what it reports, and that it can be stopped."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData, read_zarr

from napari_splicer import pipeline
from napari_splicer.config import load_run
from napari_splicer.demo import DemoReport, run_demo
from napari_splicer.demo.comparison import FEATURES, add_truth, assess
from napari_splicer.demo.files import write_inputs
from napari_splicer.demo.settings import demo_config
from napari_splicer.errors import WouldOverwrite
from napari_splicer.events import Cancel, Finished, Metrics
from napari_splicer.model.bundle import load_bundle
from napari_splicer.samples import synthetic_tissue


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory) -> tuple[DemoReport, list]:
    folder = tmp_path_factory.mktemp("demo") / "splicer-demo"
    events = list(run_demo(folder, steps=2, size=224))
    return events[-1].result, events


def test_report_has_a_row_for_each_way_to_describe_a_cell(demonstration):
    report, _ = demonstration
    assert [row.features for row in report.rows] == list(FEATURES)
    assert all(0 <= row.auroc <= 1 and -1 <= row.ari <= 1 for row in report.rows)
    by_mean = next(row for row in report.rows if row.features == "mean intensity")
    assert by_mean.ari > 0.5
    assert report.cells > report.probed > 10


def test_report_can_be_read_by_people_and_programs(demonstration):
    report, _ = demonstration
    words = str(report)
    assert "mean intensity" in words
    assert str(report.folder) in words
    assert json.loads(json.dumps(report.to_json()))["rows"][0]["features"] == "SpliCER"


def test_everything_is_left_on_disk(demonstration):
    report, _ = demonstration
    table = read_zarr(report.folder / "table.zarr")
    assert {"type", "state", "splicer_cluster"} <= set(table.obs)
    assert "X_umap" in table.obsm
    assert load_bundle(report.folder / "model").channels
    figures = {path.stem for path in (report.folder / "figures").iterdir()}
    assert {"tissue", "map", "profiles", "subtle_state"} <= figures
    assert not list(report.folder.glob(".*"))


def test_run_file_repeats_the_splicer_part(demonstration):
    report, _ = demonstration
    config = load_run(report.folder / "run.toml")
    (field,) = pipeline.open_inputs(config, report.folder)
    assert config.model.objective == "splicer"
    assert config.training.steps == 2
    again = pipeline.run(pipeline.embed([field], load_bundle(report.folder / "model"), config))
    before = read_zarr(report.folder / "table.zarr")
    assert list(again.obs_names) == list(before.obs_names)
    assert np.allclose(again.obsm["X_splicer"], before.obsm["X_splicer"], atol=1e-4)


def test_both_objectives_are_trained_for_the_same_number_of_steps(demonstration):
    _, events = demonstration
    assert [e.step for e in events if isinstance(e, Metrics)] == [1, 2, 1, 2]
    assert isinstance(events[-1], Finished)
    assert events[-1].stage == "demo"


def test_a_folder_with_something_in_it_is_not_touched(tmp_path):
    (tmp_path / "thesis.docx").write_text("precious")
    with pytest.raises(WouldOverwrite, match="not empty"):
        next(run_demo(tmp_path))


def test_stopping_ends_without_a_report(tmp_path):
    cancel = Cancel()
    events = []
    for event in run_demo(tmp_path / "demo", steps=50, size=160, cancel=cancel):
        events.append(event)
        if isinstance(event, Metrics):
            cancel.request()
    assert events[-1] == Finished("demo", cancelled=True)
    assert sum(isinstance(event, Metrics) for event in events) < 5


def test_files_hold_the_tissue(tmp_path):
    tissue = synthetic_tissue(size=160)
    config = demo_config()
    write_inputs(tissue, config, tmp_path)
    (opened,) = pipeline.open_inputs(config, tmp_path)
    assert opened.image.channels == tissue.field.image.channels
    assert opened.image.pixel_size == (0.5, 0.5)
    assert np.array_equal(np.asarray(opened.image.data), np.asarray(tissue.field.image.data))
    assert np.array_equal(np.asarray(opened.cells.data), np.asarray(tissue.field.cells.data))
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "truth.csv", keep_default_na=False), tissue.types
    )


def test_a_feature_that_tells_the_states_apart_is_found_and_one_that_does_not_is_not():
    rng = np.random.default_rng(0)
    count = 600
    types = pd.DataFrame(
        {"id": rng.permutation(count) + 1, "type": "CD8 T", "state": ["engaged", "resting"] * 300}
    )
    types.loc[:199, ["type", "state"]] = ["tumour", ""]
    ids = np.sort(types["id"])
    known = types.set_index("id").loc[ids]
    table = AnnData(
        np.stack([(known["type"] == "tumour") * 9.0 + 1, np.ones(count)], 1).astype(np.float32)
        + rng.normal(0, 0.2, (count, 2)).astype(np.float32),
        obs=pd.DataFrame({"instance_id": ids}, index=[str(i) for i in ids]),
        var=pd.DataFrame(index=["PanCK", "GZMB"]),
        obsm={
            "spatial": rng.uniform(0, 100, (count, 2)),
            "X_splicer": ((known["state"] == "engaged").to_numpy()[:, None] * 3.0)
            + rng.normal(size=(count, 3)),
        },
    )
    add_truth(table, types)
    assert (table.obs["type"].to_numpy() == known["type"].to_numpy()).all()
    assert assess("seen", table, "representation").auroc > 0.9
    assert 0.4 < assess("unseen", table, "intensity").auroc < 0.6
