"""Images, and computers, that are not as those of the training: refused, or said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_splicer.embedding import resolve as resolving
from napari_splicer.embedding.embed import embed_cells
from napari_splicer.embedding.table import record
from napari_splicer.errors import InvalidSettings, MissingChannels
from napari_splicer.events import Event, Finished, Warned
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import MaskedImage
from napari_splicer.patches.normalization import fit_normalization

if TYPE_CHECKING:
    from collections.abc import Callable

    import dask.array as da
    from anndata import AnnData

    from napari_splicer.config import RunConfig
    from napari_splicer.model.bundle import Bundle


def table_of(events: list[Event]) -> AnnData:
    assert isinstance(events[-1], Finished)
    return events[-1].result


def warnings_of(events: list[Event]) -> str:
    return " ".join(event.message for event in events if isinstance(event, Warned))


def test_an_image_without_the_models_channels_is_refused(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    names = ["panck" if name == "PanCK" else name for name in fields[1].image.channels]
    other = replace(fields[1], image=fields[1].image.with_channels(names))
    with pytest.raises(MissingChannels, match=r"second lacks PanCK.*'panck' for 'PanCK'"):
        next(embed_cells([fields[0], other], bundle, config))
    fewer = replace(fields[1], image=fields[1].image.select(["CD3", "DNA"]))
    with pytest.raises(MissingChannels, match=r"lacks CD8, GZMB, PanCK.*CD3, DNA"):
        next(embed_cells([fewer], bundle, config))


def test_images_of_different_panels_are_embedded_and_it_is_said(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    kept = [name for name in reversed(fields[1].image.channels) if name != "CD3"]
    other = replace(fields[1], image=fields[1].image.select(kept))
    events = [*embed_cells([fields[0], other], bundle, config)]
    assert "Not every image has the channels CD3" in warnings_of(events)
    table = table_of(events)
    assert np.isnan(table[table.obs["region"] == "second", "CD3"].X).all()
    alone = table_of([*embed_cells([fields[1]], bundle, config)])
    np.testing.assert_allclose(
        table[table.obs["region"] == "second"].obsm["X_splicer"],
        alone.obsm["X_splicer"],
        atol=1e-5,
    )


def test_another_pixel_size_is_resampled_and_said(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    """The same tissue at twice the resolution looks almost the same to the model."""
    first = fields[0]
    pixels = first.image.data.compute().repeat(2, axis=1).repeat(2, axis=2)
    labels = first.cells.data.compute().repeat(2, axis=0).repeat(2, axis=1)
    fine = MaskedImage(
        MultiplexImage.from_array(pixels, first.image.channels, name="fine", pixel_size=0.25),
        type(first.cells).from_array(labels),
    )
    events = [*embed_cells([fine], bundle, config)]
    assert "resampled to 16 px in fine (32 px)" in warnings_of(events)
    z, expected = (
        table_of(e).obsm["X_splicer"] for e in (events, [*embed_cells([first], bundle, config)])
    )
    correlation = np.corrcoef(z.ravel(), expected.ravel())[0, 1]
    assert correlation > 0.95


def test_an_unknown_pixel_size_is_said(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    image = replace(fields[0].image, pixel_size=None)
    events = [*embed_cells([replace(fields[0], image=image)], bundle, config)]
    assert "pixel size of first is not known" in warnings_of(events)
    assert warnings_of(events) in record(table_of(events))["warnings"].tolist()
    blind = replace(bundle, config=bundle.config.with_values({"patches.size_um": None}))
    assert "model's own images was not known" in warnings_of([*embed_cells(fields, blind, config)])


def test_a_device_that_is_not_here_is_replaced_and_said(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    far = replace(bundle, config=bundle.config.with_values({"device": "cuda:63"}))
    auto = config.with_values({"device": "auto"})
    events = [*embed_cells(fields[:1], far, auto)]
    assert "trained on cuda:63, which is not here" in warnings_of(events)
    assert table_of(events).n_obs > 0
    with pytest.raises(InvalidSettings, match="no device 'cuda:63'"):
        next(embed_cells(fields, bundle, config.with_values({"device": "cuda:63"})))


@pytest.mark.parametrize("slow", [True, False])
def test_a_model_of_a_computer_with_bf16_does_not_crawl_on_one_without(
    fields: list[MaskedImage],
    bundle: Bundle,
    config: RunConfig,
    slow: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resolving, "slow_in_bf16", lambda device: slow)
    server = replace(bundle, config=bundle.config.with_values({"precision": "bf16"}))
    auto = config.with_values({"precision": "auto"})
    run = resolving.resolve(auto, server)
    assert run.precision == ("fp32" if slow else "bf16")
    said = [*resolving.remarks(fields, auto, run, server)]
    assert any("trained in bf16, which takes this computer far longer" in s for s in said) == slow
    asked = config.with_values({"precision": "bf16"})
    assert resolving.resolve(asked, server).precision == "bf16"


def test_a_precision_that_belongs_to_the_other_device_is_not_said_to_be_slow(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    values = {"precision": "bf16", "device": "cuda:0"}
    server = replace(bundle, config=bundle.config.with_values(values))
    auto = config.with_values({"precision": "auto"})
    run = resolving.resolve(auto, server)
    assert (run.device, run.precision) == ("cpu", "fp32")
    said = " ".join(resolving.remarks(fields, auto, run, server))
    assert "trained in bf16, and on cpu fp32 is used" in said
    assert "far longer" not in said


def test_the_precision_is_kept_on_the_same_kind_of_device(
    bundle: Bundle, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolving, "resolve_device", torch.device)
    trained = bundle.config.with_values({"device": "cuda:0", "precision": "fp32"})
    other = config.with_values({"device": "cuda:1", "precision": "auto"})
    assert resolving.resolve_where(other, trained) == ("cuda:1", "fp32")


def rescaled(
    field: MaskedImage, change: Callable[[da.Array], da.Array], name: str = ""
) -> MaskedImage:
    image = MultiplexImage.from_array(
        change(field.image.data),
        field.image.channels,
        name=name or field.name,
        pixel_size=field.image.pixel_size,
    )
    return replace(field, image=image)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda x: x, False),
        (lambda x: x * 3, False),
        (lambda x: x / 3, False),
        (lambda x: x / x.max(), True),
        (lambda x: (x / x.max() * 255).astype(np.uint8), True),
        (lambda x: x * 16, True),
    ],
)
def test_an_image_on_another_scale_of_intensities_is_named(
    fields: list[MaskedImage],
    bundle: Bundle,
    config: RunConfig,
    change: Callable[[da.Array], da.Array],
    told: bool,
) -> None:
    sixteen_bit = [rescaled(field, lambda x: x.astype(np.float32)) for field in fields[1:]]
    channels, settings = bundle.channels, bundle.config.normalization
    scale = fit_normalization(sixteen_bit, channels, settings, seed=0)
    model = replace(bundle, normalization=scale)
    other = [rescaled(sixteen_bit[0], change, "other"), *sixteen_bit]
    events = [*embed_cells(other, model, config)]
    said = [e.message for e in events if isinstance(e, Warned) and "another scale" in e.message]
    assert len(said) == told
    if told:
        assert said[0].startswith("other: CD8, GZMB, PanCK are on another scale")
        assert "Export the images as those were" in said[0]
        assert "normalization.scope = 'image'" in said[0]
        assert said[0] in record(table_of(events))["warnings"].tolist()
    by_itself = replace(model, config=model.config.with_values({"normalization.scope": "image"}))
    events = [*embed_cells(other, by_itself, config)]
    assert "another scale" not in warnings_of(events)


def test_one_marker_that_is_absent_is_no_other_scale(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    pixels = fields[1].image.read(0, 128, 0, 128)
    pixels[fields[1].image.channels.index("GZMB")] = 0
    image = MultiplexImage.from_array(
        pixels, fields[1].image.channels, name="without", pixel_size=fields[1].image.pixel_size
    )
    without = replace(fields[1], image=image)
    assert warnings_of([*embed_cells([fields[0], without], bundle, config)]) == ""
