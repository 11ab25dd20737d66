"""The curves of a training as one drawing, with its legend: numbers over steps."""

from __future__ import annotations

import io
from itertools import cycle, islice, product
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from napari_splicer.report.elements import element

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from xml.etree.ElementTree import Element

    from matplotlib.axes import Axes

    from napari_splicer.model.record import History

# Okabe and Ito 2008, without the yellow, which vanishes on white; dashes tell apart what is beyond.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES = ("", "5 2", "1.5 1.5", "6 2 1.5 2")
_INK = "#010203"  # stands for the page's own colour of text until the drawing is on the page
_ALL = ""  # no component has this name


def curves(history: History) -> Element | None:
    """Return loss, components' losses and ranks over the steps; None where there are none.

    Names are set in the legend, by the page: the drawing itself holds numbers alone.
    """
    panels = {
        "Loss": _lines(history, "loss", parts=False),
        "Loss of each component": _lines(history, "loss", parts=True),
        "Rank (of the whole, and of each chunk)": _lines(history, "rankme", parts=True, all_=True),
    }
    panels = {title: lines for title, lines in panels.items() if lines}
    if not panels:
        return None
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    parts = [name for name in names if name != _ALL]
    styles = {_ALL: (_INK, "")} | dict(zip(parts, _styles(len(parts)), strict=True))
    legend = [element("li", _swatch(*styles[name]), " ", name) for name in parts]
    return element(
        "figure",
        _drawing(panels, styles),
        element("figcaption", element("ul", *legend, class_="legend")),
    )


def _lines(
    history: History, key: str, *, parts: bool, all_: bool = False
) -> dict[str, Sequence[tuple[int, float]]]:
    lines: dict[str, Sequence[tuple[int, float]]] = {}
    if key in history and (all_ or not parts):
        lines[_ALL] = history[key]
    if parts:
        start = f"{key}/"
        lines |= {k.removeprefix(start): v for k, v in history.items() if k.startswith(start)}
    return {name: points for name, points in lines.items() if points}


def _styles(count: int) -> list[tuple[str, str]]:
    every = cycle((colour, dash) for dash, colour in product(_DASHES, _COLOURS))
    return list(islice(every, count))


def _swatch(colour: str, dash: str) -> Element:
    line = element("line", x1="0", y1="5", x2="26", y2="5", stroke=colour)
    line.set("stroke-width", "2.5")
    line.set("stroke-dasharray", dash)
    return element("svg", line, width="26", height="10", viewBox="0 0 26 10")


def _drawing(
    panels: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]],
    styles: Mapping[str, tuple[str, str]],
) -> Element:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "svg.fonttype": "none",  # text stays text
        "svg.hashsalt": "napari-splicer",  # the same curves give the same drawing
        "text.color": _INK,
        "axes.edgecolor": _INK,
        "axes.labelcolor": _INK,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "font.size": 9,
        "axes.titlesize": 9,
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=(3.5 * len(panels), 2.6), layout="constrained")
        FigureCanvasSVG(figure)
        for place, (title, lines) in enumerate(panels.items()):
            axes = figure.add_subplot(1, len(panels), place + 1)
            _plot(axes, lines, styles)
            axes.set_title(title, loc="left")
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    return _for_the_page(stream.getvalue())


def _plot(
    axes: Axes,
    lines: Mapping[str, Sequence[tuple[int, float]]],
    styles: Mapping[str, tuple[str, str]],
) -> None:
    from matplotlib.ticker import MaxNLocator

    for name, points in lines.items():
        colour, dash = styles[name]
        steps, values = zip(*points, strict=True)
        dashes = (0, tuple(map(float, dash.split()))) if dash else "-"
        marker = "o" if len(points) == 1 else ""
        axes.plot(
            steps, values, color=colour, linestyle=dashes, marker=marker, markersize=3,
            linewidth=1.6 if name == _ALL else 1.2,
        )  # fmt: skip
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.15, color=_INK)


def _for_the_page(svg: str) -> Element:
    """Return a drawing as an element of an HTML page, in the page's colour of text."""
    drawing = ElementTree.fromstring(svg.replace(_INK, "currentColor"))
    for part in drawing.iter():
        part.tag = part.tag.rpartition("}")[2]
        part.attrib = {name.rpartition("}")[2]: value for name, value in part.attrib.items()}
    for part in drawing.findall("metadata"):
        drawing.remove(part)
    drawing.set("role", "img")
    drawing.set("aria-label", "Curves of the training")
    del drawing.attrib["width"], drawing.attrib["height"]
    return drawing
