"""Encoders: shapes, independence from the batch, timm by name, unknown names."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from napari_splicer.errors import InvalidSettings, NotInstalled
from napari_splicer.model.encoders import Encoder, build_encoder, representation_width


@pytest.mark.parametrize("size", [8, 13, 16, 24, 32, 48, 64, 128])
def test_compact_takes_every_patch_size(size):
    encoder = build_encoder("compact", channels=3, width=8, size=size)
    z_BZ = encoder(torch.rand(2, 3, size, size))
    assert isinstance(encoder, Encoder)
    assert z_BZ.shape == (2, encoder.out_features) == (2, 32)


@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_cost_hardly_grows_with_the_patch(size):
    encoder = build_encoder("compact", channels=3, width=8, size=size)
    seen = []
    encoder.stages.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[-1]))
    encoder(torch.rand(2, 3, size, size))
    assert seen == [16]


def test_embedding_does_not_depend_on_the_batch():
    torch.manual_seed(0)
    encoder = build_encoder("compact", channels=2, width=8, size=16)
    encoder(torch.rand(32, 2, 16, 16))  # statistics of a training batch
    encoder.eval()
    x_BCHW = torch.rand(6, 2, 16, 16)
    with torch.no_grad():
        together, again = encoder(x_BCHW), encoder(x_BCHW)
        alone = torch.cat([encoder(x_BCHW[i : i + 1]) for i in range(6)])
    assert torch.equal(together, again)
    torch.testing.assert_close(together, alone)


def test_brightness_is_kept():
    torch.manual_seed(0)
    encoder = build_encoder("compact", channels=2, width=8, size=16).eval()
    x_BCHW = torch.rand(1, 2, 16, 16)
    with torch.no_grad():
        dim, bright = encoder(0.2 * x_BCHW), encoder(x_BCHW)
    assert bright.norm() > 1.5 * dim.norm()


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("timm:resnet18", 512),
        ("timm:vit_tiny_patch16_224", 192),
        ("timm:mobilenetv3_small_050", 1024),
    ],
)
def test_timm_by_name(name, features):
    encoder = build_encoder(name, channels=5, width=8, size=32).eval()
    assert encoder.out_features == features
    with torch.no_grad():
        assert encoder(torch.rand(2, 5, 32, 32)).shape == (2, features)


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(InvalidSettings, match=r"timm has no network 'resnet19'.*timm:resnet1"):
        build_encoder("timm:resnet19", channels=3, width=8, size=32)
    with pytest.raises(InvalidSettings, match=r"There is no encoder 'resnet18'.*timm:resnet18"):
        build_encoder("resnet18", channels=3, width=8, size=32)
    with pytest.raises(InvalidSettings, match="timm has no network"):
        build_encoder("timm:hf_hub:somebody/something", channels=3, width=8, size=32)


def test_timm_networks_that_need_larger_patches_say_so():
    with pytest.raises(InvalidSettings, match=r"can't take patches of 8 px.*larger patches"):
        build_encoder("timm:vit_tiny_patch16_224", channels=3, width=8, size=8)


def test_missing_timm_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(NotInstalled, match="pip install timm"):
        build_encoder("timm:resnet18", channels=3, width=8, size=32)


def test_width_of_somebody_elses_encoder_is_found():
    mine = nn.Sequential(nn.Conv2d(3, 7, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert representation_width(mine, channels=3, size=16) == 7
    assert mine.training
    with pytest.raises(InvalidSettings, match="one row of numbers per patch"):
        representation_width(nn.Conv2d(3, 7, 3), channels=3, size=16)
