from __future__ import annotations

import pytest

from napari_splicer.events import Metrics
from napari_splicer.gui.training_report import how_it_goes, latest, series, thinned


def history(**slopes: float) -> list[Metrics]:
    """40 steps; each component's loss falls by its slope per step."""
    return [
        Metrics(
            "train", step, {f"loss/{name}": 10 - slope * step for name, slope in slopes.items()}
        )
        for step in range(40)
    ]


def test_series_are_sorted_by_component() -> None:
    metrics = [
        Metrics("train", 1, {"loss": 3.0, "loss/a": 1.0, "rankme": 5.0}),
        Metrics("train", 2, {"loss": 2.0, "loss/a": 0.5}),
    ]
    assert series(metrics, "loss") == {"all": ([1, 2], [3.0, 2.0]), "a": ([1, 2], [1.0, 0.5])}
    assert series(metrics, "rankme") == {"all": ([1], [5.0])}
    assert latest(metrics, "rankme") == 5.0
    assert latest(metrics, "speed") is None


@pytest.mark.parametrize(
    ("slopes", "ended", "sentence"),
    [
        ({"a": 0.1, "b": 0.1}, False, "All components still learn."),
        ({"a": 0.1, "b": 0.0}, False, "b has stopped improving; the others still learn."),
        (
            {"a": 0.1, "b": 0.0, "c": 0.0},
            False,
            "b and c have stopped improving; the others still learn.",
        ),
        ({"a": 0.0, "b": 0.0}, False, "Nothing improves any more"),
        ({"a": 0.1, "b": 0.1}, True, "a longer training may give more"),
        ({"a": 0.1, "b": 0.0}, True, "b had stopped improving; the others learned until the end."),
    ],
)
def test_the_sentence(slopes, ended, sentence) -> None:
    assert sentence in how_it_goes(history(**slopes), ended=ended)


def test_little_is_said_about_the_first_steps() -> None:
    assert "Warming up" in how_it_goes(history(a=0.1)[:3])


def test_a_collapsed_component_is_named() -> None:
    metrics = [*history(a=0.1, b=0.1), Metrics("train", 40, {"rankme/a": 1.2, "rankme/b": 9.0})]
    assert how_it_goes(metrics).startswith("The part for a holds next to nothing")


def test_few_steps_are_not_judged() -> None:
    assert "Warming up" in how_it_goes(history(a=0.0, b=0.1)[:20])


def test_close_looks_stay_in_long_curves() -> None:
    metrics = [
        Metrics("train", n, {"loss": 1.0, **({"r2": 0.5, "alignment/a": 0.9} if n == 777 else {})})
        for n in range(1, 5000)
    ]
    assert 777 in {event.step for event in thinned(metrics) if "alignment/a" in event.values}
