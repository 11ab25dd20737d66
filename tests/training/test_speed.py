"""Which precision is faster is measured once, and remembered."""

from __future__ import annotations

import pytest
import torch

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.training import speed
from napari_splicer.training.estimate import estimate_seconds
from napari_splicer.training.resolve import resolve
from napari_splicer.training.speed import faster_precision


@pytest.fixture
def open_run(quick):
    return quick.with_values({"precision": "auto", "device": "cpu"})


@pytest.fixture
def measured(monkeypatch):
    """Let steps take as long as the test says; return what was asked."""
    asked, seconds = [], {"fp32": 1.0, "bf16": 0.5}

    def measure(config, channels, clock):
        asked.append(config.precision)
        return seconds[config.precision]

    monkeypatch.setattr(speed, "measure_step", measure)
    monkeypatch.setattr(speed, "slow_in_bf16", lambda device: False)
    return asked, seconds


CHANNELS = ("a", "b", "c")


@pytest.mark.parametrize(("bf16", "faster"), [(0.79, "bf16"), (0.81, "fp32"), (3.0, "fp32")])
def test_bf16_has_to_be_worth_while(bf16, faster, open_run, measured):
    measured[1]["bf16"] = bf16
    assert faster_precision(open_run, CHANNELS) == faster


def test_a_processor_without_bf16_does_not_hold_up_the_training(open_run, measured, monkeypatch):
    monkeypatch.setattr(speed, "slow_in_bf16", lambda device: True)
    assert faster_precision(open_run, CHANNELS) == "fp32"
    assert not measured[0]


@pytest.mark.parametrize(("last", "slow"), [(2.0, True), (0.5, False)])  # busy until then
def test_whether_a_layer_is_slow_in_bf16_is_measured_and_draws_nothing(monkeypatch, last, slow):
    cpu, seconds = torch.device("cpu"), iter([9.0, 9.0, *[2.0, 0.2] * 9, last, 0.2])
    now = [0.0]

    def clock():
        clock.calls += 1
        if clock.calls % 2 == 0:
            now[0] += next(seconds)
        return now[0]

    clock.calls = 0
    monkeypatch.setattr(speed.time, "thread_time", clock)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert speed.slow_in_bf16.__wrapped__(cpu) is slow
    assert torch.equal(torch.get_rng_state(), before)
    assert not speed.slow_in_bf16.__wrapped__(torch.device("cuda"))


def test_every_network_is_measured_once(open_run, measured, cache, monkeypatch):
    asked, seconds = measured
    assert faster_precision(open_run, CHANNELS) == "bf16"
    seconds["bf16"] = 9.0
    assert faster_precision(open_run, CHANNELS) == "bf16"
    assert sorted(asked) == ["bf16", "fp32"]
    monkeypatch.setattr(speed, "_known", {})  # as another program would begin
    assert faster_precision(open_run, CHANNELS) == "bf16"
    assert len(asked) == 2
    assert [path.name for path in cache.parent.iterdir()] == ["precision.json"]
    wider = open_run.with_values({"model.width": 5})
    assert faster_precision(wider, CHANNELS) == "fp32"
    monkeypatch.setattr(speed, "_known", {})
    assert (faster_precision(open_run, CHANNELS), faster_precision(wider, CHANNELS)) == (
        "bf16", "fp32",
    )  # fmt: skip
    assert len(asked) == 4


@pytest.mark.parametrize("rubbish", ["", "[1]", "{", '{"a": "fp8"}', "\x00"])
def test_a_damaged_file_is_measured_anew(rubbish, open_run, measured, cache):
    cache.parent.mkdir()
    cache.write_text(rubbish)
    assert faster_precision(open_run, CHANNELS) == "bf16"
    assert speed._remembered() == speed._known


def test_without_a_place_to_remember_it_works(open_run, measured, cache):
    cache.parent.parent.mkdir(exist_ok=True)
    cache.parent.write_text("a file stands in the way")
    assert faster_precision(open_run, CHANNELS) == "bf16"


def test_what_is_found_does_not_hang_on_what_is_resolved_later(open_run, field, quick, measured):
    estimate_seconds(open_run.with_values({"threads": None}), 100)
    assert sorted(measured[0]) == ["bf16", "fp32"]
    assert resolve(open_run.with_values({"threads": None}), [field]).precision == "bf16"
    assert sorted(measured[0]) == ["bf16", "fp32"]


def test_a_real_measurement_gives_a_precision_and_keeps_to_it(open_run):
    channels = Decomposition(open_run.components).channels
    first = faster_precision(open_run, channels)
    assert first in ("fp32", "bf16")
    assert {faster_precision(open_run, channels) for _ in range(3)} == {first}
