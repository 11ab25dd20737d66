"""Devices, precision, threads and random state."""

from __future__ import annotations

import pytest
import torch

from napari_splicer.errors import InvalidSettings
from napari_splicer.training.device import resolve_device, resolve_precision, seeded, threads

CPU = torch.device("cpu")


def test_auto_takes_an_accelerator_where_there_is_one():
    if torch.cuda.is_available():
        expected = "cuda"
    else:
        expected = "mps" if torch.backends.mps.is_available() else "cpu"
    assert resolve_device("auto").type == expected
    assert resolve_device("cpu") == CPU


def test_a_missing_device_is_named_with_those_that_are_there():
    with pytest.raises(InvalidSettings, match=r"no device 'cuda:99'.*'auto', or one of: cpu"):
        resolve_device("cuda:99")


def test_precision_on_the_cpu_is_exact_unless_asked_for():
    assert resolve_precision("auto", CPU) == "fp32"
    assert resolve_precision("bf16", CPU) == "bf16"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_precision_on_cuda_is_what_the_device_is_fast_with():
    expected = "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    assert resolve_precision("auto", torch.device("cuda")) == expected


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(ZeroDivisionError), threads(before + 1):
        raise ZeroDivisionError
    assert torch.get_num_threads() == before


def test_random_state_is_given_back():
    state = torch.get_rng_state()
    draws = []
    for seed in (1, 1, 2):
        with seeded(seed, CPU):
            draws.append(torch.rand(1))
    assert draws[0] == draws[1] != draws[2]
    assert torch.equal(torch.get_rng_state(), state)
