"""Training on images of different panels: terms are masked out, nothing is made up."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.errors import InvalidComponent, MissingChannels
from napari_splicer.events import Finished, Warned
from napari_splicer.images.image import MultiplexImage
from napari_splicer.model.objectives import build_network
from napari_splicer.patches.presence import Presence
from napari_splicer.pipeline import embed, train
from napari_splicer.samples import synthetic_tissue
from napari_splicer.training.data import TrainingData
from napari_splicer.training.resolve import DROPOUT, resolve, seen_channels
from napari_splicer.training.views import Views


def without(field, channel):
    kept = [name for name in field.image.channels if name != channel]
    return replace(field, image=field.image.select(kept))


@pytest.fixture(scope="module")
def missing(quick):
    """The second channel of the component "nuclei"."""
    return quick.components[0].channels[1]


@pytest.fixture(scope="module")
def fields(field, missing):
    """One image with all channels, and one that lacks a channel of the component "nuclei"."""
    return [field, without(synthetic_tissue(size=128, seed=2, name="smaller").field, missing)]


@pytest.fixture(scope="module")
def events(fields, quick):
    return list(train(fields, quick))


@pytest.fixture(scope="module")
def bundle(events):
    return events[-1].result


def views_of(fields, run, network):
    channels = seen_channels(run, fields)
    presence = Presence(fields, Decomposition(run.components), channels)
    return Views.of_network(network, run, channels, presence)


@pytest.mark.parametrize(
    ("objective", "consistency"),
    [("splicer", 0.0), ("splicer", 1.0), ("sum-je", 0.0)],
)
def test_nothing_of_an_absent_component_reaches_the_loss(
    fields, quick, objective, consistency, missing
):
    changed = {
        "training.component_dropout": 0.2,
        "model.objective": objective,
        "model.consistency": consistency,
    }
    run = resolve(quick.with_values(changed), fields)
    channels = seen_channels(run, fields)
    network = build_network(run.model, Decomposition(run.components), channels, 16)
    views = views_of(fields, run, network)
    data = TrainingData(fields, run, channels)
    list(data.read())
    batch = data.take(torch.arange(len(data))[-16:])  # all of the image that lacks it
    assert set(batch.field_B.tolist()) == {1}
    viewed = views(batch, seed=0)
    assert viewed.present is not None
    assert not viewed.present["nuclei"].any()
    terms = network.objective(*viewed)
    terms.total.backward()
    assert terms.parts["nuclei"] == 0
    mine = network.bank.branches[0]
    assert all(p.grad is None or not p.grad.any() for p in mine.parameters())
    assert not viewed.x_BCHW[:, channels.index(missing)].any()


def test_branches_never_see_what_an_image_lacks(fields, quick):
    run = resolve(quick, fields)
    channels = seen_channels(run, fields)
    network = build_network(run.model, Decomposition(run.components), channels, 16)
    data = TrainingData(fields, run, channels)
    list(data.read())
    rows = torch.cat([torch.arange(8), torch.arange(len(data))[-8:]])
    viewed = views_of(fields, run, network)(data.take(rows), seed=0)
    nuclei_BCHW = viewed.second[0]
    assert nuclei_BCHW.flatten(1).std(dim=1).min() > 0
    assert torch.equal(nuclei_BCHW[8:], nuclei_BCHW[:8])


def test_what_is_left_out_is_said_and_the_dropout_is_filled_in(events, bundle, fields):
    said = [event.message for event in events if isinstance(event, Warned)]
    assert any("smaller lacks the channel" in sentence for sentence in said)
    assert bundle.config.training.component_dropout == DROPOUT
    assert bundle.diagnostics is not None


def test_images_that_have_everything_are_trained_without_dropout(field, quick):
    assert resolve(quick, [field]).training.component_dropout == 0


def test_without_dropout_a_smaller_panel_is_refused(fields, quick, missing):
    strict = quick.with_values({"training.component_dropout": 0.0})
    with pytest.raises(InvalidComponent, match=rf"'nuclei' uses channel {missing}, which the im"):
        list(train(fields, strict))


def test_a_channel_that_no_image_has_is_refused(fields, quick):
    wrong = quick.components[0].model_copy(update={"channels": ("CD999",)})
    with pytest.raises(InvalidComponent, match="uses channel CD999, which the set of images"):
        list(train(fields, quick.model_copy(update={"components": (wrong, quick.components[1])})))


def test_a_component_that_no_image_has_as_a_whole_is_refused(field, fields, quick, missing):
    other = quick.components[0].channels[0]
    with pytest.raises(InvalidComponent, match="'nuclei' lacks something in every image"):
        list(train([without(field, other), fields[1]], quick))


def test_concat_is_not_trained_on_images_that_it_could_not_embed(fields, quick, missing):
    """Its encoders, one for each component, can't do without theirs."""
    concat = quick.with_values({"model.objective": "concat"})
    with pytest.raises(InvalidComponent, match=f"uses channel {missing}, which the image smaller"):
        list(train(fields, concat))


def test_a_channel_that_may_be_misspelt_is_named(field, fields, quick, bundle, missing):
    names = [f"{name}-" if name == missing else name for name in field.image.channels]
    misspelt = replace(field, image=replace(field.image.with_channels(names), name="misspelt"))
    said = [event.message for event in train([field, misspelt], quick) if isinstance(event, Warned)]
    assert any(f"perhaps '{missing}-' for '{missing}'" in sentence for sentence in said)


def test_an_image_of_which_nothing_is_left_is_refused_by_its_names(field, quick, bundle):
    names = [f"{name}-" for name in field.image.channels]
    strange = replace(field, image=field.image.with_channels(names))
    with pytest.raises(MissingChannels, match="perhaps '"):
        list(embed([strange], bundle, quick))


def test_the_model_embeds_both_and_the_table_says_what_it_did_without(bundle, fields, quick):
    events = list(embed(fields, bundle, quick))
    assert isinstance(events[-1], Finished)
    table = events[-1].result
    blank = table.uns["splicer"]["blank"]
    assert blank["region"].tolist() == ["smaller"]
    assert blank["component"].tolist() == ["nuclei"]
    assert any("does without the component nuclei" in w for w in table.uns["splicer"]["warnings"])


def test_what_a_blank_component_holds_does_not_matter(bundle, fields, quick):
    """The other channel of the component is in the image, but the network must not see it."""
    other = quick.components[0].channels[0]
    image = fields[1].image
    place = image.channels.index(other)
    level = image.data.compute()
    level[place] = level[place][::-1]
    flipped = MultiplexImage.from_array(level, image.channels, name=image.name)
    flipped = flipped.with_pixel_size(image.pixel_size)
    changed = replace(fields[1], image=flipped)
    one, two = (
        list(embed([f], bundle, quick))[-1].result.obsm["X_splicer"] for f in (fields[1], changed)
    )
    assert (one == two).all()


def test_a_model_that_never_met_it_refuses_a_smaller_panel(field, fields, quick, missing):
    bundle = list(train([field], quick))[-1].result
    with pytest.raises(MissingChannels, match=f"smaller lacks {missing}"):
        list(embed(fields, bundle, quick))


def test_dropout_alone_prepares_for_a_smaller_panel(field, fields, quick):
    prepared = quick.with_values({"training.component_dropout": 0.3})
    bundle = list(train([field], prepared))[-1].result
    table = list(embed(fields, bundle, quick))[-1].result
    assert "blank" in table.uns["splicer"]


def test_no_dropout_changes_nothing(field, quick):
    """A chance that never comes true gives the same views as none."""
    run = resolve(quick, [field])
    network = build_network(run.model, Decomposition(run.components), ("a",), 16)
    channels = seen_channels(run, [field])
    data = TrainingData([field], run, channels)
    list(data.read())
    batch = data.take(torch.arange(8))
    rare = run.with_values({"training.component_dropout": 1e-9})
    plain, dropped = (views_of([field], r, network)(batch, seed=3) for r in (run, rare))
    assert plain.present is None
    assert torch.equal(plain.x_BCHW, dropped.x_BCHW)
    assert all(torch.equal(a, b) for a, b in zip(plain.second, dropped.second, strict=True))


@pytest.mark.parametrize("shared", [0, 2])
def test_branches_see_components_of_the_first_view_even_where_they_are_dropped(
    field, quick, shared
):
    run = resolve(
        quick.with_values(
            {
                "training.component_dropout": 0.9,
                "model.consistency": 1.0,
                "model.shared": shared,
            }
        ),
        [field],
    )
    channels = seen_channels(run, [field])
    network = build_network(run.model, Decomposition(run.components), channels, 16)
    data = TrainingData([field], run, channels)
    list(data.read())
    viewed = views_of([field], run, network)(data.take(torch.arange(32)), seed=0)
    first = viewed.second[-2:]
    assert len(viewed.second) == 4 + bool(shared)
    dropped = ~viewed.present["nuclei"]
    assert dropped.any()
    place = [channels.index(name) for name in run.components[0].channels]
    assert not viewed.x_BCHW[dropped][:, place].any()
    assert (first[0][dropped].flatten(1).std(dim=1) > 0).all()
    kept = viewed.present["nuclei"]
    assert torch.equal(first[0][kept], viewed.x_BCHW[kept][:, place])
    assert torch.isfinite(network.objective(*viewed).total)


def test_styles_leave_a_channel_that_another_image_lacks(fields, quick, missing):
    changed = {"augmentation.styles": 0.05, "training.component_dropout": 1e-9}
    run = resolve(quick.with_values(changed), fields)
    channels = seen_channels(run, fields)
    network = build_network(run.model, Decomposition(run.components), channels, 16)
    data = TrainingData(fields, run, channels)
    list(data.read())
    batch = data.take(torch.cat([torch.arange(16), torch.arange(len(data))[-16:]]))
    has_it, place = batch.field_B == 0, channels.index(missing)
    assert has_it.sum() == 16
    views = views_of(fields, run, network)
    for seed in range(8):  # some of which take an image that lacks it for the reference
        seen = views(batch, seed).x_BCHW[has_it, place]
        assert seen.mean() > 0.2 * batch.x_BCHW[has_it, place].mean()
