"""More steps for a training that has ended: its run file trains the same model from the start."""

from __future__ import annotations

import math

import pytest
from trained import of, same, stop_after

from napari_splicer.config import RunConfig
from napari_splicer.errors import InvalidSettings
from napari_splicer.events import Metrics
from napari_splicer.training.checkpoint import has_unfinished, read_record
from napari_splicer.training.continuing import why_not, with_more_steps
from napari_splicer.training.schedule import learning_rate, progress
from napari_splicer.training.trainer import fit


def trained(field, config, folder, **options):
    return list(fit([field], config, folder=folder, **options))


@pytest.mark.parametrize(
    "more", [{}, {"model.loss": "byol"}, {"training.ema": 0.9}, {"training.patience": 9}]
)
def test_continued_is_what_its_own_run_file_trains_from_the_start(field, quick, tmp_path, more):
    quick = quick.with_values({"device": "cpu", **more})
    trained(field, quick, tmp_path)
    config = with_more_steps(read_record(tmp_path), 4)
    assert (config.training.steps, config.training.restarts) == (10, (6,))
    events = trained(field, config, tmp_path, resume=True)
    assert [event.step for event in of(Metrics, events)] == [7, 8, 9, 10]
    continued = events[-1].result
    assert continued.config.training.restarts == (6,)
    assert len(continued.history["loss"]) == 10
    assert not has_unfinished(tmp_path)
    again = list(fit([field], continued.config))[-1].result
    assert same(again, continued)


def test_with_patience_a_training_given_more_steps_is_the_one_from_the_start(
    field, quick, tmp_path, monkeypatch
):
    """Also where the loss had stopped falling just at its end, and looks then lie further apart."""
    monkeypatch.setattr("napari_splicer.training.schedule.LOOKS", 3)
    monkeypatch.setattr("napari_splicer.training.schedule.CURVE_POINTS", 3)
    monkeypatch.setattr("napari_splicer.training.plateau.LEAST_FALL", 1e9)  # it never falls
    patient = quick.with_values({"device": "cpu", "training.patience": 2})
    trained(field, patient, tmp_path)
    assert read_record(tmp_path).step == 6
    config = with_more_steps(read_record(tmp_path), 12)
    continued = trained(field, config, tmp_path, resume=True)[-1].result
    again = list(fit([field], continued.config))[-1].result
    assert again.history["loss"][-1][0] == 18
    assert [step for step, _ in again.history["held_out_loss"]] == [2, 4, 6, 10, 14, 18]
    assert same(again, continued)
    assert again.history == continued.history


def test_continued_twice_and_stopped_in_between(field, quick, tmp_path):
    trained(field, quick, tmp_path)
    config = with_more_steps(read_record(tmp_path), 3)
    stop_after(8, lambda c: fit([field], config, folder=tmp_path, resume=True, cancel=c))
    with pytest.raises(InvalidSettings, match="stopped before its end"):
        with_more_steps(read_record(tmp_path), 5)
    trained(field, config, tmp_path, resume=True)
    twice = with_more_steps(read_record(tmp_path), 2)
    assert (twice.training.steps, twice.training.restarts) == (11, (6, 9))
    assert trained(field, twice, tmp_path, resume=True)[-1].result.config == twice


def test_a_training_that_has_not_ended_is_given_no_more_steps(field, quick, tmp_path):
    stop_after(3, lambda c: fit([field], quick, folder=tmp_path, cancel=c))
    lie = quick.with_values({"training.steps": 9, "training.restarts": [6]})
    with pytest.raises(InvalidSettings, match="stopped before its end"):
        trained(field, lie, tmp_path, resume=True)
    other = quick.with_values({"training.steps": 9})
    with pytest.raises(InvalidSettings, match=r"training\.steps was 6, not 9"):
        trained(field, other, tmp_path, resume=True)


def test_one_that_no_longer_improved_is_not_continued(field, quick, tmp_path):
    trained(field, quick, tmp_path)
    record = read_record(tmp_path)
    patient = record.config.with_values({"training.patience": 2, "training.steps": 100})
    assert "no longer improved" in why_not(record.model_copy(
        update={"config": patient, "waited": 2}))  # fmt: skip


def test_the_learning_rate_begins_anew_at_a_restart():
    plain = RunConfig().training
    settings = plain.model_copy(update={"steps": 150, "restarts": (100,)})
    first = [learning_rate(settings, step, 150) for step in range(100)]
    assert first == [learning_rate(plain, step, 100) for step in range(100)]
    rest = [learning_rate(settings, step, 150) for step in range(100, 150)]
    assert rest == [learning_rate(plain, step, 50) for step in range(50)]
    assert math.isclose(max(rest), settings.learning_rate)
    assert [progress(settings, step, 150) for step in (0, 50, 100, 125)] == [0, 0.5, 0, 0.5]


@pytest.mark.parametrize(
    "values", [{"steps": 5, "restarts": [5]}, {"restarts": [3]}, {"steps": 9, "restarts": [4, 2]}]
)
def test_restarts_that_make_no_sense_are_refused(values):
    with pytest.raises(InvalidSettings, match="restarts must be rising"):
        RunConfig().with_values({f"training.{key}": value for key, value in values.items()})
