from __future__ import annotations

from napari_splicer.gui.widgets.curves import Curves


def test_one_step_does_not_stand_on_an_axis_of_tenths(qtbot) -> None:
    curves = Curves("Rank", "what it means")
    qtbot.addWidget(curves)
    curves.show()
    curves.show_series({"all": ([12], [2.0])}, {"all": "#999999"})

    def steps() -> tuple[float, float]:
        return tuple(curves.getPlotItem().getViewBox().viewRange()[0])

    qtbot.waitUntil(lambda: steps()[0] < 12 < steps()[1])
    assert steps()[1] - steps()[0] >= 10


def test_lines_take_the_colours_that_their_components_are_given(qtbot) -> None:
    curves = Curves("Rank", "what it means")
    qtbot.addWidget(curves)
    line = {"immune": ([1, 2], [2.0, 3.0])}
    for colour in ("#d55e00", "#0072b2"):
        curves.show_series(line, {"immune": colour})
        assert curves._lines["immune"].opts["pen"].color().name() == colour


def test_axes_have_ticks_only_where_something_is_drawn(qtbot) -> None:
    curves = Curves("Rank", "what it means", later="It comes later.")
    qtbot.addWidget(curves)
    for series in ({"all": ([], [])}, {"all": ([8], [float("nan")])}):
        curves.show_series(series, {})
        assert curves.later.isVisibleTo(curves)
        assert not curves.getPlotItem().getAxis("left").isVisible()
    curves.show_series({"all": ([8], [2.0])}, {})
    assert not curves.later.isVisibleTo(curves)
    assert curves._lines["all"].opts["symbol"] == "o"
    curves.show_series({"all": ([8, 16], [2.0, 3.0])}, {})
    assert curves._lines["all"].opts["symbol"] is None
