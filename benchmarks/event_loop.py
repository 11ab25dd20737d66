"""Whether the window freezes while it works, and slows the work down.

napari's window, 1400 × 900, the synthetic tissue. A timer notes how long the event loop stays away,
while the image is moved and zoomed by mouse events and its layers are hidden and shown: with
nothing running, while a model is trained with live curves, in the midst of a long training and from
the first step of a short one to its end, while cells are embedded, and while they are grouped. Then
a training in the window that nobody touches is set beside the same training without a window, one
after the other. Needs a display, e.g. under Xvfb:

    xvfb-run -s "-screen 0 1400x900x24" python benchmarks/event_loop.py [--seconds 20] [--turns 3]

The table goes to ``docs/benchmarks/event_loop.md``. Limits: the longest gap grows by 100 ms,
training is slowed by 15 %.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import napari
import numpy as np
from person import Person
from qtpy.QtCore import QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_splicer import pipeline
from napari_splicer.events import Metrics
from napari_splicer.files import write_text
from napari_splicer.gui import commands
from napari_splicer.gui.jobs import runner_for
from napari_splicer.gui.torch_guard import load_torch
from napari_splicer.samples import synthetic_tissue
from results import PAGES, load, made_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_splicer.gui.commands import Run

SIDE = 1536  # px of the tissue
STEPS = 120  # of a training that is timed
SETTINGS = {"training.steps": 100_000}
SETTLE = 10  # steps of a training that are not timed
LIMIT, SLOWER = 0.1, 0.15


class Pulse:
    """Notes the time between two beats of the event loop."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(0)

    def _beat(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self._last)
        self._last = now

    def stop(self) -> np.ndarray:
        """Return all gaps, in seconds."""
        self._timer.stop()
        return np.array(self.gaps[1:])


class Felt(NamedTuple):
    """What a person feels: the longest gap, in seconds, and drawn pictures per second."""

    longest: float
    usual: float
    pictures: float


def wheel(person: Person, up: bool) -> None:
    """Turn the mouse wheel over the middle of the image by one notch."""
    canvas = person.viewer.window._qt_viewer.canvas.native
    middle = QPointF(canvas.width() / 2, canvas.height() / 2)
    event = QWheelEvent(
        middle,
        QPointF(canvas.mapToGlobal(middle.toPoint())),
        QPoint(),
        QPoint(0, 120 if up else -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)
    QTest.qWait(15)


def interact(person: Person, seconds: float) -> Felt:
    """Move, zoom, hide and show for a while."""
    canvas = person.viewer.window._qt_viewer.canvas
    drawn = [0]
    canvas._scene_canvas.events.draw.connect(lambda event: drawn.__setitem__(0, drawn[0] + 1))
    x, y = canvas.native.width() / 2, canvas.native.height() / 2
    path = [QPointF(x + 3 * step, y + 2 * step) for step in range(25)]
    layers = [layer for layer in person.viewer.layers if layer.name in ("DNA", "CD45")]
    person.viewer.layers.selection.active = layers[0]
    pulse, start = Pulse(), time.perf_counter()
    while time.perf_counter() - start < seconds:
        person._drag(canvas.native, path)
        person._drag(canvas.native, path[::-1])
        for up in (True, True, True, False, False, False):
            wheel(person, up)
        for layer in layers:
            layer.visible = not layer.visible
            QTest.qWait(15)
    took = time.perf_counter() - start
    gaps = pulse.stop()
    return Felt(float(gaps.max()), float(np.quantile(gaps, 0.99)), drawn[0] / took)


def begin(person: Person, run: Run, *, busy: Callable[[], bool]) -> None:
    """Start a run, and wait until it is in its midst."""
    assert runner_for(person.viewer).start(run)
    person.wait(busy)


def end(person: Person) -> None:
    """Stop what runs."""
    runner = runner_for(person.viewer)
    while runner.busy:
        runner.cancel()
        QTest.qWait(100)


def felt(person: Person, seconds: float, steps: int) -> Iterator[tuple[str, Felt]]:
    """Interact with nothing running, and with each kind of work; ``steps`` of the short training.

    A short one looks at its components ten times meanwhile, as every training does, and writes
    its model at the end.
    """
    session = person.session
    yield "nothing", interact(person, seconds)
    person.dock.open_step("model")
    begin(person, commands.train(session), busy=lambda: len(session.metrics) > SETTLE)
    yield "training, live curves", interact(person, seconds)
    end(person)
    long = session.settings
    session.settings = long.with_values({"training.steps": steps})
    begin(person, commands.train(session), busy=lambda: len(session.metrics) > 0)
    yield f"a training of {steps} steps", interact(person, seconds)
    end(person)
    session.settings = long
    assert session.bundle is not None
    person.wait(lambda: session.table is None)
    begin(person, commands.embed(session), busy=lambda: bool(session.job and session.job.done))
    yield "embedding", interact(person, seconds)
    end(person)
    run = commands.embed(session, with_model=False)
    begin(person, run, busy=lambda: bool(session.groups) and session.job is None)
    settings = commands.DEFAULT_CLUSTERING
    begin(person, commands.cluster(session, settings), busy=lambda: session.job is not None)
    yield "grouping", interact(person, seconds)
    end(person)
    yield "nothing, groups painted over", interact(person, seconds)


def untouched(person: Person) -> float:
    """Return the patches per second of a training in the window that nobody touches."""
    session = person.session
    person.dock.open_step("model")
    begin(person, commands.train(session), busy=lambda: len(session.metrics) > SETTLE)
    first, start = len(session.metrics), time.perf_counter()
    person.wait(lambda: len(session.metrics) > first + STEPS)
    rate = (len(session.metrics) - first) / (time.perf_counter() - start)
    end(person)
    return rate * session.settings.training.batch


def without_window(person: Person) -> float:
    """Return the patches per second of the same training, read in a loop."""
    run = commands.train(person.session)
    fields = run.inputs.fields()
    seen, start, first = 0, 0.0, 0
    for event in pipeline.train(fields, run.config, folder=None, cancel=run.cancel):
        seen += isinstance(event, Metrics)
        if seen > SETTLE and not start:
            start, first = time.perf_counter(), seen
        if seen > SETTLE + STEPS:
            break
    return (seen - first) / (time.perf_counter() - start) * run.config.training.batch


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    load_torch()
    viewer = napari.Viewer()
    person = Person(viewer)
    field = synthetic_tissue(size=SIDE).field
    image, cells = np.asarray(field.image.data), np.asarray(field.cells.data)
    viewer.add_image(image, channel_axis=0, name=list(field.image.channels))
    viewer.add_labels(cells, name="cell mask").visible = False
    session = person.session
    person.wait(lambda: session.facts is not None and bool(session.components))
    with TemporaryDirectory() as folder:
        session.settings = session.settings.with_values({**SETTINGS, "output": folder})
        rates = []
        for _ in range(options.turns):
            alone, beside = without_window(person), untouched(person)
            rates.append((alone, beside))
            print(f"training: {alone:.0f} patches/s alone, {beside:.0f} in the window", flush=True)
        found = {}
        steps = int(0.8 * options.seconds * rates[-1][1] / session.settings.training.batch)
        for name, measured in felt(person, options.seconds, steps):
            found[name] = measured
            print(name, measured, flush=True)
        viewer.close()
    idle = found["nothing"]
    slower = 1 - median(beside / alone for alone, beside in rates)
    lines = [
        "# Does the window freeze?",
        "",
        f"Made by `benchmarks/event_loop.py` {made_by()}, drawn by software. {load()} A tissue of "
        f"{SIDE:,} × {SIDE:,} pixels with {len(field.cells.cells()):,} cells; "
        f"{options.seconds:.0f} s of moving, zooming, hiding and showing for each row.",
        "",
        "| what runs | longest gap of the event loop, ms | over nothing | 99 of 100 gaps under, ms "
        "| pictures per second |",
        "|---|---|---|---|---|",
    ]
    for name, (longest, usual, pictures) in found.items():
        more = 1000 * (longest - idle.longest)
        lines.append(
            f"| {name} | {1000 * longest:.0f} | {more:+.0f} | {1000 * usual:.0f} | {pictures:.1f} |"
        )
    lines += [
        "",
        f"The limit: {1000 * LIMIT:.0f} ms over nothing.",
        "",
        f"Training that nobody touches, live curves shown, beside the same training without a "
        f"window ({STEPS} steps; patches per second without and with, {options.turns} turns: "
        f"{', '.join(f'{a:.0f} and {b:.0f}' for a, b in rates)}): {100 * slower:.0f} % slower by "
        f"the median; the limit is {100 * SLOWER:.0f} %. On a CPU, a training started in the "
        "window leaves one core to it; both were measured so.",
        "",
    ]
    write_text(PAGES / "event_loop.md", "\n".join(lines), overwrite=True)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
