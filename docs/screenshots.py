"""Make the pictures of the docks in docs/images, on the synthetic sample.

With a display:      python docs/screenshots.py
Without one (Xvfb):  xvfb-run -a -s "-screen 0 1400x900x24" python docs/screenshots.py
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import napari
from qtpy.QtTest import QTest
from superqt.utils import WorkerBase

from napari_splicer.gui.layers import link_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_splicer.gui.main_widget import SplicerWidget

IMAGES = Path(__file__).parent / "images"
SIZE = (1400, 900)
_QUALITY = 90  # of JPEG: tissue is noise, which PNG stores at a megabyte a picture
PATIENCE = 900  # seconds for one step


class Photographer:
    """Walks through the steps like a person would, and takes a picture of the window at each.

    Parameters
    ----------
    folder : Path
        Where pictures go.
    steps : int
        Of training.
    theme : str
        napari's.
    """

    def __init__(self, folder: Path, steps: int, theme: str) -> None:
        self.folder = folder
        self.viewer: Viewer = napari.Viewer(show=True)
        self.viewer.theme = theme
        self.dock: SplicerWidget
        self.dock = self.viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER")[1]
        self.window = self.dock.window()
        self.window.resize(*SIZE)
        self.session = self.dock.session
        self._steps = steps

    def walk(self, output: str) -> None:
        """Go from an empty window to written files; ``output`` is a folder for these."""
        self.take("empty")
        link_for(self.viewer).open_sample()
        session, pages = self.session, self.dock.pages
        session.settings = session.settings.with_values(
            {"output": output, "training.steps": self._steps}
        )
        self.wait(lambda: session.facts is not None and bool(session.components))
        self.take("image")
        self.dock.open_step("components")
        session.picked = int(session.cells.cells()["id"].iloc[700])
        self.wait(lambda: len(pages["components"].preview.strip.titles) > 1)
        self.take("components")
        self.dock.open_step("model")
        self.wait(lambda: "about" in pages["model"].train_panel.presets["quick"].note)
        self.take("model")
        pages["model"].train_panel.train()
        self.wait(lambda: len(session.metrics) > 0.6 * self._steps)
        self.take("training")
        self.wait(lambda: session.job is None and bool(session.groups))
        self.take("cluster")
        self.dock.open_step("embed")
        self.take("embed")
        self.dock.open_step("export")
        pages["export"].export()
        self.wait(lambda: bool(session.exported))
        self.take("export")
        self.explore()

    def explore(self) -> None:
        """Open the Explorer beside the groups."""
        self.dock.open_step("cluster")
        self.dock.open_explorer()
        self.session.select(self.session.cells_of(0))
        QTest.qWait(3000)
        self.take("explorer")

    def take(self, name: str) -> None:
        """Save a picture of the whole window."""
        QTest.qWait(500)
        picture = self.window.screen().grabWindow(self.window.winId())
        picture.save(str(self.folder / f"{name}.jpg"), quality=_QUALITY)

    def wait(self, ready: Callable[[], bool]) -> None:
        """Let the window live until ``ready()``."""
        end = time.monotonic() + PATIENCE
        while not ready():
            QTest.qWait(100)
            if time.monotonic() > end:
                raise TimeoutError(f"waited {PATIENCE} s; last message: {self.session.notice}")

    def close(self) -> None:
        """Close the window and let workers end."""
        self.viewer.close()
        WorkerBase.await_workers()


def main() -> None:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=IMAGES)
    parser.add_argument("--steps", type=int, default=300, help="of training")
    parser.add_argument("--theme", default="dark", choices=["dark", "light"])
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    photographer = Photographer(options.folder, options.steps, options.theme)
    with TemporaryDirectory(prefix="splicer-") as output:
        photographer.walk(output)
        photographer.close()


if __name__ == "__main__":
    main()
