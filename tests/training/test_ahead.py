"""Views that are made in a thread of their own, before the step that sees them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
import torch
from trained import of, stop_after

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.events import Progress, Warned
from napari_splicer.model.objectives import build_network
from napari_splicer.training.ahead import Ahead
from napari_splicer.training.data import TrainingData
from napari_splicer.training.resolve import resolve, seen_channels
from napari_splicer.training.trainer import fit
from napari_splicer.training.views import Views

_AT_THE_END = """
import threading
from napari_splicer import synthetic_tissue
from napari_splicer.config import Component, RunConfig
from napari_splicer.events import Progress
from napari_splicer.training.trainer import fit

config = RunConfig(components=(Component(name="nucleus", channels=("DNA",)),)).with_values(
    {"training.steps": 6, "training.batch": 4, "threads": 1, "precision": "fp32"}
    | {"model.width": 4, "model.embedding": 8, "model.hidden": 8, "patches.size": 16}
)
begun, ending = threading.Event(), threading.Event()

def train():
    events = fit([synthetic_tissue(size=96).field], config)
    for event in events:
        if isinstance(event, Progress) and event.unit == "steps" and not begun.is_set():
            begun.set()
            threading.main_thread().join()  # all of Python's own pools have ended, or are about to
    print(event.message)

threading.Thread(target=train).start()
begun.wait()
"""


@pytest.fixture
def made_by(monkeypatch):
    """Return the names of the threads in which views were made."""
    names, of_rows = [], Views.of_rows

    def noted(self, *args):
        names.append(threading.current_thread().name)
        return of_rows(self, *args)

    monkeypatch.setattr(Views, "of_rows", noted)
    return names


@pytest.fixture
def parts(field, quick):
    run, channels = resolve(quick, [field]), seen_channels(quick, [field])
    network = build_network(run.model, Decomposition(run.components), channels, run.patches.size)
    data = TrainingData([field], run, channels)
    for _ in data.read():
        pass
    return data, Views.of_network(network, run, channels), run


def test_they_are_those_of_the_step_in_whatever_order_it_is_asked(parts):
    def numbers(viewed):
        return torch.cat([x.flatten() for x in (viewed.x_BCHW, *viewed.second)])

    with closing(Ahead(*parts)) as first, closing(Ahead(*parts)) as second:
        in_turn = [numbers(first(step, 16)) for step in range(4)]
        for step in (3, 0, 2, 1):
            torch.testing.assert_close(numbers(second(step, 16)), in_turn[step], rtol=0, atol=0)
        smaller = second(2, 8)
        assert len(smaller.x_BCHW) == 8
        torch.testing.assert_close(numbers(second(3, 16)), in_turn[3], rtol=0, atol=0)


def test_those_of_the_next_step_are_made_before_it_asks(parts, made_by):
    with closing(Ahead(*parts)) as ahead:
        ahead(0, 16)
        for _ in range(600):
            if len(made_by) == 2:
                break
            time.sleep(0.1)
    assert len(made_by) == 2
    assert all(name.startswith("views-ahead") for name in made_by)


def test_other_threads_have_as_many_cores_as_before(parts):
    counts = [torch.get_num_threads()]
    with closing(Ahead(*parts)) as ahead:
        ahead(0, 16)
        counts.append(torch.get_num_threads())
        fresh = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
        fresh.start()
        fresh.join()
    assert counts == counts[:1] * 3


def test_memory_that_runs_out_while_they_are_made_makes_batches_smaller(field, quick, monkeypatch):
    of_rows = Views.of_rows

    def short(self, take, rows_B, *args):
        if len(rows_B) > 8:
            raise MemoryError
        return of_rows(self, take, rows_B, *args)

    monkeypatch.setattr(Views, "of_rows", short)
    events = list(fit([field], quick))
    assert any("batches now have 8 patches" in w.message for w in of(Warned, events))
    assert events[-1].message == "Trained for 6 of 6 steps."


def test_no_thread_is_left_however_training_ends(field, quick):
    stop_after(2, lambda cancel: fit([field], quick, cancel=cancel))
    left = fit([field], quick.with_values({"model.widths": "automatic"}))
    for event in left:
        if isinstance(event, Progress) and event.unit == "trial steps":
            break
    assert _at_work()
    left.close()
    assert not _at_work()


@pytest.mark.slow
def test_a_training_goes_on_while_python_ends():
    ended = subprocess.run(
        [sys.executable, "-c", _AT_THE_END],
        timeout=240, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "Trained for 6 of 6 steps." in ended.stdout


def _at_work():
    return [t for t in threading.enumerate() if t.name.startswith("views-ahead")]
