"""Resolved settings repeat the run, and say what they assumed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from pyramids import with_pyramid

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import RunConfig, parse_run
from napari_splicer.errors import InvalidComponent, InvalidSettings, NoCells
from napari_splicer.images.masks import LabelMask
from napari_splicer.training import resolve as resolving
from napari_splicer.training.resolve import remarks, resolve, seen_channels


def with_pixel_size(field, pixel_size, name="other"):
    image = replace(field.image, pixel_size=pixel_size, name=name)
    return replace(field, image=image)


def test_nothing_is_left_open(field, quick):
    asked = quick.with_values({"threads": None, "training.steps": None, "precision": "auto"})
    run = resolve(asked, [field])
    assert run.device in ("cpu", "cuda", "mps")
    assert run.precision in ("fp32", "bf16")
    assert run.threads == torch.get_num_threads()
    assert run.training.steps == (1200 if run.device == "cuda" else 300)
    assert run.patches.size_um == 16 * field.image.pixel_size[0]
    assert [c.width for c in run.components] == [4, 4]
    assert run.model.branch_width == 4


def test_resolved_settings_resolve_to_themselves_and_survive_a_file(field, quick):
    run = resolve(quick, [field])
    assert resolve(run, [field]) == run
    assert parse_run(run.model_dump(mode="json")) == run


def test_few_patches_make_small_batches(field, quick):
    count = len(field.cells.cells())
    run = resolve(quick.with_values({"training.batch": 10 * count}), [field])
    assert run.training.batch == count // 2
    (remark,) = remarks(quick.with_values({"training.batch": 10 * count}), run, [field])
    assert f"{count // 2} instead of {10 * count}" in remark


def test_patches_that_neither_memory_nor_disk_hold_do_not_count(field, quick, monkeypatch):
    asked = quick.with_values({"training.epochs": 7, "training.steps": None})
    everything = resolve(asked, [field]).training
    assert everything.steps == 7 * (len(field.cells.cells()) // everything.batch)
    patch = 3 * 28 * 28 * 2 + 28 * 28 * 4 + 3 * 8  # three channels and labels of 28 × 28 px
    little = asked.with_values({"training.cache_gb": 20.5 * patch / 1e9})
    assert resolve(little, [field]).training.steps == everything.steps
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=1000))
    some = resolve(little, [field]).training
    assert (some.batch, some.steps) == (10, 7 * 2)
    with pytest.raises(InvalidSettings, match="too few to learn from"):
        resolve(asked.with_values({"training.cache_gb": 2 * patch / 1e9}), [field])


def test_patches_that_no_step_looks_at_are_not_read(field, quick, monkeypatch):
    total = len(field.cells.cells())
    asked = quick.with_values({"training.steps": 3, "training.batch": 16})
    assert resolve(asked, [field]).training.patches is None  # so few are read all the same
    monkeypatch.setattr(resolving, "ALWAYS_READ", 20)
    run = resolve(asked, [field])
    assert (run.training.patches, run.training.steps) == (48, 3)
    assert resolve(run, [field]) == run
    patient = resolve(asked.with_values({"training.patience": 1}), [field]).training
    assert patient.patches == 48 + round(0.1 * total)  # some are held out
    longer = resolve(asked.with_values({"training.steps": None, "training.epochs": 2}), [field])
    assert longer.training.patches is None
    assert longer.training.steps == 2 * (total // 16)
    some = resolve(asked.with_values({"training.patches": 60}), [field]).training
    assert (some.patches, some.steps) == (60, 3)


def test_too_few_cells_are_said(field, quick):
    labels = field.cells.levels[0].compute()
    few = LabelMask.from_array(labels * (labels <= 5))
    with pytest.raises(NoCells, match="to train on, and 16 are the fewest"):
        resolve(quick, [replace(field, cells=few)])


def test_a_mask_that_gives_all_cells_one_number_is_said(field, quick):
    one = LabelMask.from_array((field.cells.levels[0].compute() > 0).astype("uint8"))
    with pytest.raises(NoCells, match=r"There is 1 cell to train on.*one of its own"):
        resolve(quick, [replace(field, cells=one)])


@pytest.mark.parametrize("faster", ["bf16", "fp32"])
def test_the_precision_that_is_faster_is_taken(faster, field, quick, monkeypatch):
    asked = quick.with_values({"precision": "auto", "device": "cpu"})
    monkeypatch.setattr("napari_splicer.training.resolve.faster_precision", lambda *_: faster)
    assert resolve(asked, [field]).precision == faster


def test_patches_larger_than_the_image_are_said(field, quick):
    height, width = field.image.shape
    asked = quick.with_values({"patches.size": 256, "training.cache_gb": 1})
    run = resolve(asked, [field])
    (remark,) = remarks(asked, run, [field])
    assert f"256 px wide, but {field.name} has {height} × {width} px" in remark


def test_unknown_pixel_size_is_said_and_not_guessed(field, quick):
    unknown = with_pixel_size(field, None)
    run = resolve(quick, [unknown])
    assert run.patches.size_um is None
    (remark,) = remarks(quick, run, [unknown])
    assert "pixel size of other is not known" in remark


def test_other_pixel_sizes_are_resampled_and_said(field, quick):
    finer = with_pixel_size(field, tuple(p / 2 for p in field.image.pixel_size), "finer")
    run = resolve(quick, [field, finer])
    (remark,) = remarks(quick, run, [field, finer])
    assert "resampled to 16 px in finer (32 px)" in remark


def test_channels_are_those_of_the_components(field, quick):
    assert seen_channels(quick, [field]) == field.image.channels[:3]
    je = quick.with_values({"model.objective": "je"})
    assert seen_channels(je, [field]) == field.image.channels[:3]


def test_je_needs_no_components(field):
    je = RunConfig().with_values({"model.objective": "je"})
    assert seen_channels(je, [field]) == field.image.channels
    fewer = replace(field, image=field.image.with_channels(["new", *field.image.channels[1:]]))
    assert seen_channels(je, [field, fewer]) == field.image.channels[1:]
    alien = replace(
        field, image=field.image.with_channels([f"x{i}" for i in range(len(field.image.channels))])
    )
    with pytest.raises(InvalidComponent, match="no channel in common"):
        seen_channels(je, [field, alien])


def test_components_must_fit_every_image(field, quick):
    with pytest.raises(InvalidComponent, match="There is no component"):
        seen_channels(RunConfig(), [field])
    names = list(field.image.channels)
    lacking = replace(field, image=field.image.with_channels(["DNA1", *names[1:]]))
    strict = quick.with_values({"training.component_dropout": 0.0})
    with pytest.raises(InvalidComponent, match=r"which .* does not have"):
        seen_channels(strict, [field, lacking])
    assert seen_channels(quick, [field, lacking]) == Decomposition(quick.components).channels


def test_the_level_of_an_image_with_a_pyramid_is_named(field, quick):
    slide = with_pyramid(field)
    asked = quick.with_values({"patches.size_um": 16.0})
    run = resolve(asked, [slide])
    assert run.patches.levels == {slide.name: 4.0}
    assert resolve(run, [slide]) == run
    said = " ".join(remarks(asked, run, [slide]))
    assert f"smaller resolution of {slide.name} (96 × 96 px)" in said
    assert "resampled" not in said
    named = asked.with_values({"patches.levels": {slide.name: 2.0}})
    said = " ".join(remarks(named, resolve(named, [slide]), [slide]))
    assert "(192 × 192 px)" in said
    assert f"are resampled to 16 px in {slide.name} (32 px)" in said
    assert not [*remarks(quick, resolve(quick, [slide]), [slide])]


def test_a_pyramid_of_single_pixels_is_said_to_be_noisy(field, quick):
    slide = with_pyramid(field)
    asked = quick.with_values({"patches.size_um": 16.0})
    said = " ".join(remarks(asked, resolve(asked, [slide]), [slide]))
    assert "single pixels" not in said
    levels = tuple(slide.image.data[:, ::factor, ::factor] for factor in (1, 2, 4))
    thinned = replace(slide, image=replace(slide.image, levels=levels))
    said = " ".join(remarks(asked, resolve(asked, [thinned]), [thinned]))
    assert f"smaller resolutions of {slide.name} hold single pixels instead of averages" in said
    full = asked.with_values({"patches.resolution": "full"})
    assert "single pixels" not in " ".join(remarks(full, resolve(full, [thinned]), [thinned]))


@pytest.mark.parametrize(
    ("section", "turned", "said"),
    [
        ({"shape": "rectangle", "right": 0.5}, {}, True),
        ({"shape": "rectangle", "right": 0.5}, {"rotate": False, "flip": False}, False),
        ({"shape": "rectangle", "right": 0.5}, {"rotate": False}, True),
        ({"shape": "rectangle", "left": 0.25, "right": 0.75}, {}, False),
        ({"shape": "ring", "inner": 0.5}, {}, False),
    ],
)
def test_a_side_of_a_patch_that_is_turned_is_said(field, quick, section, turned, said):
    side = {"kind": "section", "section": section}
    components = [
        {"name": "left", "channels": [field.image.channels[0]], "region": side},
        {"name": "all", "channels": list(field.image.channels[:2])},
    ]
    asked = quick.with_values({"components": components})
    asked = asked.with_values({f"augmentation.{key}": value for key, value in turned.items()})
    words = [text for text in remarks(asked, resolve(asked, [field]), [field]) if "turned" in text]
    assert len(words) == said
    assert all(text.startswith("left: a side of the patch") for text in words)
