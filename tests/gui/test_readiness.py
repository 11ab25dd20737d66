from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component
from napari_splicer.gui.readiness import STEPS, resolve
from napari_splicer.gui.session import Session
from napari_splicer.gui.snapshot import Facts, Job
from napari_splicer.images.masks import LabelMask
from napari_splicer.model.bundle import Bundle, load_bundle, save_bundle
from napari_splicer.model.objectives import build_network
from napari_splicer.patches.normalization import Normalization


def bundle_for(
    session: Session, channels: tuple[str, ...] | None = None, *, seed: int = 0
) -> Bundle:
    decomposition = Decomposition(session.components)
    if channels is not None:
        decomposition = Decomposition.per_channel(channels)
    names = decomposition.channels
    size = session.settings.patches.size
    return Bundle(
        network=build_network(session.settings.model, decomposition, names, size, seed=seed),
        decomposition=decomposition,
        channels=names,
        normalization=Normalization(names, (0.0,) * len(names), (1.0,) * len(names), 5.0),
        config=session.settings,
    )


def statuses(session: Session) -> list[str]:
    return [resolve(session.snapshot()).steps[name].status for name in STEPS]


def test_empty_session_asks_for_an_image() -> None:
    readiness = resolve(Session().snapshot())
    assert readiness.next_step == "image"
    assert "Open an image" in readiness.advice
    assert all(readiness.steps[name].status == "blocked" for name in STEPS[1:])
    assert all(readiness.steps[name].why for name in STEPS)


def test_an_image_without_mask_asks_for_the_mask(tissue) -> None:
    readiness = resolve(Session(image=tissue.image).snapshot())
    assert "mask" in readiness.advice
    assert readiness.steps["image"].summary == "12 ch"


def test_a_mask_of_another_size_is_told_with_both_sizes(tissue) -> None:
    other = LabelMask.from_array(np.ones((50, 60), np.uint8), name="small")
    readiness = resolve(Session(image=tissue.image, cells=other).snapshot())
    assert readiness.next_step == "image"
    assert "160 × 160" in readiness.advice
    assert "50 × 60" in readiness.advice
    assert readiness.advice.endswith("Choose or open another cell mask, or make one of nuclei.")
    session = Session(image=tissue.image, cells=tissue.cells, regions={"vessel": other})
    assert resolve(session.snapshot()).advice.endswith("Untick it under More masks.")


def test_a_problem_with_the_mask_blocks_what_follows(session) -> None:
    session.facts = Facts(problem="The mask holds no cells.")
    readiness = resolve(session.snapshot())
    assert readiness.advice == "The mask holds no cells."
    assert not readiness.steps["model"].allowed


def test_with_components_training_can_start(session) -> None:
    assert statuses(session) == ["done", "done", "ready", "blocked", "blocked", "blocked"]


def test_a_bad_component_is_named(session) -> None:
    session.components = (*session.components, Component(name="empty", channels=()))
    readiness = resolve(session.snapshot())
    assert readiness.next_step == "components"
    assert "'empty'" in readiness.advice
    assert "'empty'" in readiness.steps["model"].why


def test_a_model_allows_embedding(session) -> None:
    session.bundle = bundle_for(session)
    assert statuses(session)[2:4] == ["done", "ready"]


def test_a_model_that_can_do_without_leads_to_embedding(session) -> None:
    """Where one of its components is all there, the others may lack channels."""
    able = session.settings.with_values({"training.component_dropout": 0.1})
    channels = session.image.channels
    parts = (
        Component(name="here", channels=channels[:2]),
        Component(name="there", channels=(channels[0], "elsewhere")),
    )
    session.bundle = replace(
        bundle_for(session, (*channels[:2], "elsewhere")),
        decomposition=Decomposition(parts),
        config=able,
    )
    session.components = parts
    ready = resolve(session.snapshot())
    assert ready.steps["components"].status == "done"
    assert ready.next_step == "embed"
    strict = able.with_values({"training.component_dropout": 0.0})
    session.bundle = replace(session.bundle, config=strict)
    assert "elsewhere" in resolve(session.snapshot()).steps["components"].why
    assert not resolve(session.snapshot()).steps["embed"].allowed


def test_a_model_with_other_channels_blocks_embedding(session) -> None:
    session.bundle = bundle_for(session, ("CD3", "Unobtainium"))
    steps = resolve(session.snapshot()).steps
    assert steps["embed"].status == "blocked"
    assert "Unobtainium" in steps["embed"].why
    assert "CD3" not in steps["embed"].why


def test_a_model_that_cannot_embed_is_not_to_be_gone_on_with(session) -> None:
    session.bundle = bundle_for(session)
    session.made_from = {"train": replace(session.snapshot().inputs(), components=())}
    assert "go on with the model as it is" in resolve(session.snapshot()).advice
    session.bundle = bundle_for(session, ("CD3", "Unobtainium"))
    advice = resolve(session.snapshot()).advice
    assert "Unobtainium" in advice
    assert "go on with" not in advice
    assert "use another model" in advice


def test_components_of_another_panel_are_told_with_what_to_do(session) -> None:
    session.components = (
        Component(name="ours", channels=("CD3",)),
        Component(name="theirs", channels=("CD3", "Alexa 594", "Cy5")),
    )
    advice = resolve(session.snapshot()).advice
    assert "Component 'theirs' uses channels that this image lacks: Alexa 594, Cy5." in advice
    assert "'ours'" not in advice
    assert "Take a suggestion in step 2" in advice
    session.components = (*session.components, Component(name="more", channels=("Cy7",)))
    assert "Components 'theirs', 'more' use channels" in resolve(session.snapshot()).advice


@pytest.mark.parametrize("key", ["training.batch", "patches.size", "seed", "model.objective"])
def test_other_training_settings_make_the_model_stale(session, key) -> None:
    session.bundle = bundle_for(session)
    session.made_from = {"train": session.snapshot().inputs()}
    assert statuses(session)[2] == "done"
    value = "je" if key == "model.objective" else 99
    session.settings = session.settings.with_values({key: value})
    assert statuses(session)[2] == "stale"


def test_export_settings_do_not_make_the_model_stale(session) -> None:
    session.bundle = bundle_for(session)
    session.made_from = {"train": session.snapshot().inputs()}
    session.settings = session.settings.with_values({"export.formats": ["csv"]})
    assert statuses(session)[2] == "done"


def test_another_model_makes_the_table_stale(session, table) -> None:
    table.obsm["X_splicer"] = np.zeros((6, 2), np.float32)
    session.bundle = bundle_for(session)
    session.made_from = {"embed": session.snapshot().inputs()}
    session.table = table
    assert statuses(session)[3:5] == ["done", "done"]
    session.bundle = bundle_for(session, seed=1)
    readiness = resolve(session.snapshot())
    assert readiness.steps["embed"].status == readiness.steps["cluster"].status == "stale"
    assert "Embed again" in readiness.advice


def test_the_same_model_loaded_again_leaves_the_table_as_it_is(session, table, tmp_path) -> None:
    table.obsm["X_splicer"] = np.zeros((6, 2), np.float32)
    session.bundle = bundle_for(session)
    session.made_from = {"embed": session.snapshot().inputs()}
    session.table = table
    session.bundle = load_bundle(save_bundle(session.bundle, tmp_path / "model"))
    assert statuses(session)[3:5] == ["done", "done"]


def test_a_table_of_mean_intensities_does_not_depend_on_a_model(session, table) -> None:
    session.bundle = bundle_for(session)
    session.made_from = {"embed": replace(session.snapshot().inputs(), bundle=None)}
    session.table = table
    assert statuses(session)[3:5] == ["done", "done"]


def test_export_follows_the_table(session, table) -> None:
    session.bundle = bundle_for(session)
    session.table = table
    session.made_from = {"export": replace(session.snapshot().inputs(), table=table)}
    assert statuses(session)[5] == "done"
    assert "All done" in resolve(session.snapshot()).advice
    session.table = table.copy()
    assert statuses(session)[5] == "stale"


def test_while_a_job_runs_nothing_else_starts_and_all_say_why(session) -> None:
    session.job = Job(1, "train", done=63, total=100)
    readiness = resolve(session.snapshot())
    assert readiness.steps["model"].summary == "63%"
    assert readiness.next_step == "model"
    for name in ("model", "embed", "cluster", "export"):
        assert not readiness.steps[name].allowed
        assert "trained" in readiness.steps[name].why


def test_cancelling_says_what_is_kept(session) -> None:
    session.job = Job(1, "train", cancelling=True)
    assert "kept" in resolve(session.snapshot()).advice


def test_a_model_without_components_needs_its_channels(session) -> None:
    names = (*session.image.channels[:2], "FOXP3")
    settings = session.settings.model.model_copy(update={"objective": "je"})
    nothing = Decomposition(())
    session.bundle = Bundle(
        network=build_network(settings, nothing, names, session.settings.patches.size),
        decomposition=nothing,
        channels=names,
        normalization=Normalization(names, (0.0,) * 3, (1.0,) * 3, 5.0),
        config=session.settings.with_values({"model.objective": "je"}),
    )
    assert "FOXP3" in resolve(session.snapshot()).steps["embed"].why
