from __future__ import annotations

import pytest
import torch

from napari_splicer.patches.canvas import as_bits
from napari_splicer.patches.memory_layout import channels_last
from napari_splicer.patches.normalization import Normalization


@pytest.mark.parametrize("shape", [(3, 20, 64, 64), (2, 9, 32, 32), (2, 20, 15, 17), (2, 1, 8, 8)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int16, torch.uint8])
def test_pixels_stay_where_they_are(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    x_BCHW = torch.randint(0, 200, shape).to(dtype)
    for given in (x_BCHW, x_BCHW.contiguous(memory_format=torch.channels_last)):
        turned = channels_last(given)
        assert turned.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(turned, x_BCHW)


def test_gradients_pass_through() -> None:
    x_BCHW = torch.randn(1, 9, 32, 32, requires_grad=True)
    weight = torch.randn_like(x_BCHW)
    (channels_last(x_BCHW) * weight).sum().backward()
    assert torch.equal(x_BCHW.grad, weight)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_pixels_are_normalised_as_they_lie(dtype: torch.dtype) -> None:
    names = tuple("abcdefghijkl")
    normalization = Normalization(names, tuple(range(12)), tuple(range(30, 42)), 5.0)
    x_BCHW = torch.randint(0, 200, (2, 12, 32, 32)).to(dtype)
    turned = channels_last(as_bits(x_BCHW)).view(dtype)
    v_BCHW = normalization.apply(turned)
    assert v_BCHW.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(v_BCHW, normalization.apply(x_BCHW))
    torch.testing.assert_close(v_BCHW, normalization.compute(x_BCHW))
