from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from napari_splicer import pipeline
from napari_splicer.analysis.groups import edits_of, note_edits
from napari_splicer.analysis.maps import add_map
from napari_splicer.analysis.regrouping import Groups
from napari_splicer.analysis.teaching import add_taught, teach
from napari_splicer.config import (
    CellType,
    ImageInput,
    ProjectionSettings,
    RunConfig,
    TaughtSettings,
    parse_run,
)
from napari_splicer.export.replay import files_of, run_file
from napari_splicer.images.open import open_input

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

    from napari_splicer.images.masks import MaskedImage


def on_disk(folder: Path) -> MaskedImage:
    tifffile.imwrite(folder / "a.tif", np.ones((2, 20, 20), np.uint8))
    tifffile.imwrite(folder / "a_mask.tif", np.eye(20, dtype=np.uint8))
    return open_input(ImageInput(image="a.tif", mask="a_mask.tif"), folder)


def test_clusterings_are_those_of_the_table_and_the_rest_is_as_asked(clustered: AnnData) -> None:
    config = RunConfig(output="here").with_values({"export.formats": ["csv"]})
    made = parse_run(tomllib.loads(run_file(clustered, (), config)))
    assert {(c.name, c.clusters) for c in made.clusterings} == {("kinds", 4), ("fine.kinds", 7)}
    assert made.output == "here"
    assert made.export == config.export


def test_what_was_taught_is_taught_again_by_the_same_cells(clustered: AnnData) -> None:
    cells = tuple(clustered.obs_names)
    types = (CellType(name="a", cells=cells[:3]), CellType(name="b/c", cells=cells[3:6]))
    settings = TaughtSettings(types=types, sources=("chunk:c", "intensity"))
    add_taught(clustered, teach(clustered, settings))
    text = run_file(clustered, (), RunConfig())
    assert text.startswith("# 'taught' was taught by 6 cells")
    config = parse_run(tomllib.loads(text))
    assert config.taught == (settings,)
    assert [c.name for c in config.clusterings] == ["kinds", "fine.kinds"]
    again = pipeline.run(pipeline.cluster(clustered, config, replace=True))
    assert again.obs["taught"].equals(clustered.obs["taught"])
    assert again.obs["taught_uncertainty"].equals(clustered.obs["taught_uncertainty"])


def test_what_was_done_by_hand_is_said_and_the_file_still_runs(clustered: AnnData) -> None:
    name = next(iter(clustered.uns["splicer"]["clusterings"]))
    before = parse_run(tomllib.loads(run_file(clustered, (), RunConfig())))
    note_edits(clustered, name, ("merge 3 into 1", "rename 1 to tumour"))
    text = run_file(clustered, (), RunConfig())
    assert f"#   {name}: merge 3 into 1\n#   {name}: rename 1 to tumour\n" in text
    assert parse_run(tomllib.loads(text)) == before


def test_what_the_model_resolved_wins_over_what_was_asked(clustered: AnnData) -> None:
    table = clustered.copy()
    resolved = RunConfig(device="cpu", precision="fp32", threads=3)
    table.uns["splicer"]["config"] = resolved.model_dump_json()
    table.uns["splicer"]["bundle"] = "0123456789abcdef"
    text = run_file(table, (), RunConfig())
    assert text.startswith("# The cells were described by the model 0123456789ab.")
    made = parse_run(tomllib.loads(text))
    assert (made.device, made.precision, made.threads) == ("cpu", "fp32", 3)


def test_images_are_named_where_they_lie(tmp_path: Path) -> None:
    field = on_disk(tmp_path)
    (found,) = files_of([field])
    assert open_input(found, None).image.name == field.name
    assert found.mask == str(tmp_path / "a_mask.tif")


def test_a_pixel_size_that_was_said_by_a_person_is_named(tmp_path: Path) -> None:
    field = on_disk(tmp_path)
    (found,) = files_of([replace(field, image=field.image.with_pixel_size(0.75))])
    assert found.pixel_size == 0.75
    assert open_input(found, None).image.pixel_size == (0.75, 0.75)
    assert files_of([replace(field, image=field.image.with_pixel_size((0.5, 0.75)))]) == ()


def test_an_image_that_is_not_as_its_file_says_is_not_named(tmp_path: Path) -> None:
    field = on_disk(tmp_path)
    renamed = replace(field, image=field.image.with_channels(["x", "y"]))
    assert files_of([field, renamed]) == ()
    assert files_of([replace(field, image=replace(field.image, source=None))]) == ()
    assert files_of([replace(field, image=replace(field.image, source="gone.tif"))]) == ()


def test_groups_and_map_by_several_chunks_are_made_again(clustered: AnnData) -> None:
    both = ("chunk:c", "chunk:a/b")
    config = RunConfig().with_values({"clusterings.0.source": both, "projection.source": both})
    made = pipeline.run(pipeline.cluster(clustered, config))
    again = parse_run(tomllib.loads(run_file(made, (), RunConfig())))
    assert again.clusterings[-1].source == again.projection.source == both
    replayed = pipeline.run(pipeline.cluster(clustered, again, replace=True))
    assert replayed.obs["splicer_cluster"].equals(made.obs["splicer_cluster"])
    np.testing.assert_array_equal(replayed.obsm["X_umap"], made.obsm["X_umap"])


def test_further_maps_are_named_as_not_made_again(clustered: AnnData) -> None:
    main = clustered.uns["splicer"]["projection"]["source"]
    layout = np.zeros((clustered.n_obs, 2), np.float32)
    assert "Further maps" not in run_file(clustered, (), RunConfig())
    add_map(clustered, layout, ProjectionSettings(source="chunk:a/b"))
    add_map(clustered, layout, ProjectionSettings(source=("intensity", "chunk:c")))
    text = run_file(clustered, (), RunConfig())
    assert "#   X_umap_a-b: 'chunk:a/b'\n#   X_umap_intensity_c: 'intensity' and 'chunk:c'" in text
    assert parse_run(tomllib.loads(text)).projection.source == main


def test_what_was_merged_and_named_by_hand_is_so_again(clustered: AnnData) -> None:
    for name in ("kinds", "fine.kinds"):
        groups = Groups.of(clustered, name).merged([0, 2]).renamed(0, "tumour")
        groups.recoloured(1, "#123456").put(clustered, name)
    edits = ("merge 3 into 1", "rename 1 to tumour", "colour 2")
    note_edits(clustered, "kinds", edits)
    note_edits(clustered, "fine.kinds", (*edits, "take out 7"))
    text = run_file(clustered, (), RunConfig())
    again, _, not_again = text.partition("# By hand, in the table but not made again")
    assert "# By hand, and made again by 'cluster' where it" in again
    assert "#   kinds: merge 3 into 1\n#   kinds: rename 1 to tumour\n" in again
    assert "#   fine.kinds: take out 7\n" in not_again
    config = parse_run(tomllib.loads(text))
    assert [settings.edited is not None for settings in config.clusterings] == [True, False]
    replayed = pipeline.run(pipeline.cluster(clustered, config, replace=True))
    assert Groups.of(replayed, "kinds").same_as(Groups.of(clustered, "kinds"))
    assert edits_of(replayed, "kinds") == edits
    assert run_file(replayed, (), RunConfig()).startswith(again)
