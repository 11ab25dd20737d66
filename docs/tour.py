"""Walk through the program with mouse and keys, and make docs/tour.md with its pictures.

With a display:      python docs/tour.py
Without one (Xvfb):  xvfb-run -a -s "-screen 0 1400x900x24" python docs/tour.py
One's own image:     python docs/tour.py --image slide.ome.tif --mask mask.tif --folder pictures
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import napari
import numpy as np
from person import CTRL, LEFT, SHIFT, Person, open_field
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLineEdit, QPushButton

from napari_splicer.config import ImageInput, Region, RunConfig
from napari_splicer.demo.files import write_inputs
from napari_splicer.files import write_text
from napari_splicer.gui import remembered
from napari_splicer.gui.docks import open_explorer
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.mixing import ROLE
from napari_splicer.gui.project import recent
from napari_splicer.gui.run_files import open_run_file
from napari_splicer.gui.snapshot import MIXTURE
from napari_splicer.gui.widgets.component_editor import ComponentEditor
from napari_splicer.gui.widgets.project_offer import ProjectOffer
from napari_splicer.samples import synthetic_tissue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOCS = Path(__file__).parent
_TILE_STEPS = 60  # each takes as long as four of cells
_SEVERAL_STEPS = 40
_FIELDS = ("control-1", "control-2", "control-3", "treated-1", "treated-2", "treated-3")
_SIDE = 384  # pixels
NAME = 2  # column of the legend
WORDS = {
    "empty": "The SpliCER dock (*Plugins > SpliCER > SpliCER*). It says what to do first.",
    "image": (
        "Image and mask are found by themselves. Channels can be renamed, and anything odd is "
        "said in a line."
    ),
    "components": (
        "Components are suggested, with their reasons. Above them, one cell as every component "
        "sees it; click another cell in the image to see that one."
    ),
    "edited-component": (
        "One of one's own: named, a marker found by a few letters and Enter, seen in the cell "
        "alone. The arrows take every change back."
    ),
    "model": "How long shall it train? The times were measured on this computer.",
    "training": (
        "While it trains: the loss, how many dimensions each component uses, the time left. "
        "*Pause* holds it, *Cancel* keeps every step so far."
    ),
    "cluster": (
        "The cells are embedded and grouped without being asked. The groups lie over the image; "
        "the legend names, colours, hides and sorts them."
    ),
    "explorer": (
        "The Explorer: a map on which alike cells lie close, what each group looks like marker by "
        "marker, and pictures of its most typical or most borderline cells."
    ),
    "markers": "How a marker is spread over the cells of every group.",
    "counts": "How many cells each group has, in all and image by image.",
    "chunks": "What each component's part of the embedding tells apart.",
    "lasso": "A lasso on the map: the cells light up in the image.",
    "drawn": "Drawn around in the image: the cells light up on the map.",
    "edited": (
        "Two groups were merged and named. Every edit can be undone. *How sure?* says whether "
        "groups depend on chance."
    ),
    "compare": "A second grouping beside the first: which groups go together, who moved.",
    "similar": (
        "Click a cell: map and image show how alike every other cell is, and pictures of the most "
        "alike stand in a row."
    ),
    "teach": (
        "A few examples of each type teach all other cells; the program flies to those it is least "
        "sure of."
    ),
    "painted": ("*Paint*: every cell that a stroke in the image touches becomes an example, too."),
    "load": (
        "The other way to a model: one that was trained before, from a folder, a file, an address "
        "or the Hugging Face hub. Its channels are matched with the image's."
    ),
    "export": "Written: tables, the image of the groups, and the run file that makes them again.",
    "tiles": (
        "The same for regions of the tissue: instead of cells, tiles are described. No mask is "
        "needed."
    ),
    "likeness": "*Show likeness as colours*: where colours are alike, the tissue is alike.",
    "several": (
        "Several images at once: chosen together, or named by a run file, they lie side by side. "
        "One model is trained on all of them."
    ),
    "per-image": (
        "Which image each cell is of, as colours, and how much of each image every group is. "
        "*How sure?* says whether groups follow the image."
    ),
    "restored": "Another day, an empty window: one click brings all of it back, undo included.",
}


class Tour:
    """The story of a first hour, scene by scene.

    Parameters
    ----------
    person : Person
    output : str
        Folder for results.
    settings : mapping of str to value
        What is set by hand before training, by dotted key.
    files : (str, str), optional
        Image and mask; default: the synthetic sample.
    """

    def __init__(
        self,
        person: Person,
        output: str,
        settings: dict[str, object],
        files: tuple[str, str] | None = None,
    ) -> None:
        self.person, self.files = person, files
        self._own = {"output": output, **settings}

    def scenes(self) -> Iterator[str]:
        """Act scene by scene; yield the name of its picture, a key of :data:`WORDS`."""
        for act in (
            self.begin,
            self.train,
            self.look,
            self.select,
            self.edit,
            self.find,
            self.teach,
            self.keep,
        ):
            yield from act()

    def _set(self, config: RunConfig) -> RunConfig:
        return config.with_values(self._own)

    def begin(self) -> Iterator[str]:
        """Open an image, look at the components."""
        person = self.person
        session, dock = person.session, person.dock
        yield "empty"
        if self.files is None:
            sample = next(
                button
                for button in dock.pages["image"].findChildren(QPushButton)
                if "synthetic sample" in button.text()
            )
            person.click(sample)
        else:
            open_field(person, *self.files)
        person.wait(lambda: session.facts is not None and bool(session.components))
        session.settings = self._set(session.settings)
        yield "image"
        person.click(dock.headers["components"])
        cells = session.cells.cells()
        from_middle = (cells[["y", "x"]] - cells[["y", "x"]].mean()).abs().sum(axis=1)
        person.click_in_sight(int(cells["id"].iloc[int(from_middle.argmin())]))
        person.wait(lambda: session.picked is not None)
        person.wait(lambda: len(dock.pages["components"].preview.strip.titles) > 1)
        yield "components"
        own = session.components
        self._compose()
        yield "edited-component"
        while session.components != own:
            person.click(dock.pages["components"].undo.undo)

    def _compose(self) -> None:
        """Make one more component: a name, the last marker, the cell alone."""
        person, session = self.person, self.person.session
        step = person.dock.pages["components"]
        person.click(step.add_button)
        editor = step.findChild(ComponentEditor)
        person.see(editor.name)
        person.type(editor.name, "of my own")
        marker = session.image.channels[-1]
        person.type(editor.picker.findChild(QLineEdit), marker[:4])
        person.choose(editor.region, Region(kind="cell").describe())
        person.wait(lambda: session.components[-1].region.kind == "cell")
        made = session.components[-1]
        assert made.name == "of my own"
        assert len(made.channels) == 1
        person.wait(lambda: made.name in step.preview.strip.titles)
        person.see(editor)

    def train(self) -> Iterator[str]:
        """Train, until the first groups appear by themselves."""
        person, session = self.person, self.person.session
        dock, panel = person.dock, person.dock.pages["model"].train_panel
        person.click(dock.headers["model"])
        person.wait(lambda: "about" in panel.presets["quick"].note)
        yield "model"
        person.click(panel.button)
        total = self._own.get("training.steps", 100)
        person.wait(lambda: len(session.metrics) > 0.6 * total or session.job is None)
        yield "training"
        person.wait(lambda: session.job is None and bool(session.groups))
        yield "cluster"

    def look(self) -> Iterator[str]:
        """Open the Explorer, page by page."""
        person = self.person
        person.click(person.dock.pages["cluster"].explorer)
        explorer = person.explorer
        person.wait(lambda: explorer.gallery.pictures.count() > 0)
        person.wait(lambda: explorer.heat_map.matrix.matrix is not None)
        yield "explorer"
        for page, name in (("Markers", "markers"), ("Counts", "counts"), ("Components", "chunks")):
            self._turn_to(page)
            person.wait(self._filled(page))
            yield name
        self._turn_to("Groups")

    def select(self) -> Iterator[str]:
        """Select on the map, then in the image."""
        person, session = self.person, self.person.session
        group = session.cells_of(0)
        person.draw(person.around(group))
        assert np.isin(session.selection, group).mean() > 0.5
        yield "lasso"
        outside = int(np.setdiff1d(session.ids(), session.selection)[-1])
        before = len(session.selection)
        person.click_cell(outside, SHIFT)
        person.wait(lambda: session.picked == outside)
        assert len(session.selection) == before + 1
        explorer = person.explorer
        explorer.map.tools.drawing.trigger()
        person.wait(lambda: "Draw around" in (session.notice.text if session.notice else ""))
        person.draw_in_image(150)
        person.wait(lambda: outside in session.selection)
        assert 0 < len(session.selection) < len(session.ids())
        yield "drawn"
        person.viewer.layers.selection.active = person.viewer.layers[0]

    def edit(self) -> Iterator[str]:
        """Merge, undo, name, split."""
        person, session = self.person, self.person.session
        step = person.dock.pages["cluster"]
        person.click(person.dock.headers["cluster"])
        groups = session.groups
        person.click_row(step.legend, (0, NAME))
        person.click_row(step.legend, (1, NAME), CTRL)
        person.click(step.tools.merge)
        assert len(session.groups) == len(groups) - 1
        person.click(step.tools.undo.undo)
        assert session.groups == groups
        person.click(step.tools.undo.redo)
        person.edit_row(step.legend, (0, NAME), "my cells")
        person.wait(lambda: session.groups[0].name == "my cells")
        person.click_row(step.legend, (0, NAME))
        person.click(step.trust.button)
        person.wait(step.trust.button.isEnabled)
        yield "edited"
        person.choose(step.method, "k-means (you say how many)")
        person.click(step.button)
        person.wait(lambda: session.job is None and len(session.clusterings) == 2)
        self._turn_to("Compare")
        person.wait(self._filled("Compare"))
        yield "compare"

    def find(self) -> Iterator[str]:
        """Find cells that are like one."""
        person, session = self.person, self.person.session
        self._turn_to("Similar")
        person.click_cell(int(session.cells_of(1)[0]))
        page = person.explorer.similar
        person.wait(lambda: session.colour_by is not None and page.pictures.count() > 5)
        yield "similar"
        person.choose(person.explorer.map.colour_by, "group")
        assert session.colour_by is None

    def teach(self) -> Iterator[str]:
        """Teach two types by three examples each."""
        person, session = self.person, self.person.session
        self._turn_to("Teach")
        page = person.explorer.teach
        groups = [session.cells_of(group)[:3].tolist() for group in (0, 1)]
        for name, key, cells in zip(
            ("this", "that"), (Qt.Key.Key_1, Qt.Key.Key_2), groups, strict=True
        ):
            person.click(page.example_tools.new)
            person.type(page.types.findChildren(QLineEdit)[-1], name)
            person.wait(lambda name=name: name in [t.name for t in session.lesson.types])
            for cell in cells:
                person.click_cell(cell)
                person.wait(lambda cell=cell: session.picked == cell)
                if cell == cells[0]:
                    person.click(page.example_tools.add)
                else:
                    person.press_in_image(key)
        person.wait(lambda: session.clustering == "taught")
        person.wait(page.next.isEnabled)
        shown = [len(kind.cells) for kind in session.lesson.types]
        assert shown == [3, 3]
        person.click(page.next)
        yield "teach"
        person.click(page.example_tools.paint)
        person.wait(lambda: session.brush is not None)
        person.stroke_in_image(150)
        person.wait(lambda: sum(len(kind.cells) for kind in session.lesson.types) > 6)
        yield "painted"
        person.click(page.example_tools.paint)
        person.wait(lambda: session.brush is None)

    def keep(self) -> Iterator[str]:
        """See how a model would be loaded; export."""
        person, session = self.person, self.person.session
        model = person.dock.pages["model"]
        person.click(person.dock.headers["model"])
        person.click(model.load_card)
        assert model.load_panel.isVisible()
        yield "load"
        person.click(model.train_card)
        person.click(person.dock.headers["export"])
        person.click(person.dock.pages["export"].button)
        person.wait(lambda: bool(session.exported))
        yield "export"

    def describe_tiles(self) -> Iterator[str]:
        """Describe tiles of the tissue instead of its cells."""
        person, session = self.person, self.person.session
        dock = person.dock
        self._turn_to("Groups")
        person.viewer.reset_view()
        person.click(dock.headers["image"])
        person.click(dock.pages["image"].describe.tiles)
        session.settings = session.settings.with_values({"training.steps": _TILE_STEPS})
        person.wait(lambda: session.facts is not None and bool(session.components))
        yield "tiles"
        person.click(dock.headers["model"])
        person.click(dock.pages["model"].train_panel.button)
        person.wait(lambda: session.job is not None)
        person.wait(lambda: session.job is None and session.table_fits and bool(session.groups))
        tick = dock.pages["cluster"].likeness.tick
        person.wait(tick.isEnabled)
        person.click(dock.headers["cluster"])
        person.click(tick)
        person.wait(lambda: person.explorer.map.colour_by.currentText() == MIXTURE)
        person.wait(lambda: person.explorer.heat_map.matrix.matrix is not None)
        person.wait(self._mixed)
        yield "likeness"

    def _mixed(self) -> bool:
        """Whether the colours that stand for likeness are on the image; they are worked out."""
        layer = link_for(self.person.viewer).own_layer(ROLE)
        return layer is not None and layer.visible

    def _turn_to(self, title: str) -> None:
        pages = self.person.explorer.pages
        place = [pages.tabText(i) for i in range(pages.count())].index(title)
        bar = pages.tabBar()
        QTest.mouseClick(bar, LEFT, pos=bar.tabRect(place).center())
        assert pages.currentIndex() == place

    def _filled(self, page: str) -> Callable[[], bool]:
        explorer = self.person.explorer
        panel = {
            "Markers": explorer.spread,
            "Counts": explorer.composition,
            "Components": explorer.chunks,
            "Compare": explorer.comparison,
        }[page]
        return lambda: not panel.message


def look_at_several(person: Person, folder: Path) -> Iterator[str]:
    """Open several images side by side, train on all, see how they differ."""
    fields = []
    for seed, name in enumerate(_FIELDS):
        fields.append(ImageInput(image=f"{name}.ome.tif", mask=f"{name}_mask.tif"))
        tissue = synthetic_tissue(size=_SIDE, contrast=seed // 3, seed=seed, name=name)
        write_inputs(tissue, RunConfig(inputs=(fields[-1],)), folder)
    study = RunConfig(inputs=tuple(fields), output=str(folder / "study"))
    study = study.with_values({"training.steps": _SEVERAL_STEPS})
    write_text(folder / "study.toml", study.to_toml())
    session, dock = person.session, person.dock
    open_run_file(link_for(person.viewer), folder / "study.toml")
    person.wait(lambda: session.facts is not None and bool(session.components))
    yield "several"
    person.click(dock.headers["model"])
    person.click(dock.pages["model"].train_panel.button)
    person.wait(lambda: session.job is not None)
    person.wait(lambda: session.job is None and session.table_fits and bool(session.groups))
    open_explorer(person.viewer)
    person.wait(lambda: person.explorer is not None)
    session.colour_by = "region"
    pages = person.explorer.pages
    pages.setCurrentIndex([pages.tabText(i) for i in range(pages.count())].index("Counts"))
    person.wait(lambda: not person.explorer.composition.message)
    QTest.qWait(3000)  # the map is drawn after its colours are there
    yield "per-image"


def restore(person: Person) -> None:
    """Go on, in an empty window, with what was worked on last."""
    offer = person.dock.findChild(ProjectOffer)
    person.click(offer.button)
    person.wait(lambda: person.session.table is not None and bool(person.session.groups))
    person.click(person.dock.headers["cluster"])


def page(seen: list[str]) -> str:
    """Return docs/tour.md."""
    lines = [
        "# A tour in pictures",
        "",
        "Made by `docs/tour.py`, which works the real window with mouse and keys, on the synthetic",
        "sample.",
    ]
    for number, name in enumerate(seen, 1):
        lines += ["", f"**{number}.** {WORDS[name]}", "", f"![{name}](images/{name}.jpg)"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the command line, walk, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="for pictures alone; default: the docs")
    parser.add_argument("--steps", type=int, default=300, help="of training")
    parser.add_argument("--theme", default="dark", choices=["dark", "light"])
    parser.add_argument("--image")
    parser.add_argument("--mask")
    options = parser.parse_args()
    folder = options.folder or DOCS / "images"
    folder.mkdir(parents=True, exist_ok=True)
    files = (options.image, options.mask) if options.image else None
    seen: list[str] = []
    with TemporaryDirectory(prefix="splicer-") as output:
        # The window of a first start, not as it was left by whoever runs this.
        remembered.settings_file = lambda: Path(output) / "window.json"
        recent.list_file = lambda: Path(output) / "projects.json"
        viewer = napari.Viewer(show=True)
        viewer.theme = options.theme
        person = Person(viewer, folder)
        for name in Tour(person, output, {"training.steps": options.steps}, files).scenes():
            person.take(name)
            seen.append(name)
        person.close()
        other = napari.Viewer(show=True)
        other.theme = options.theme
        person = Person(other, folder)
        restore(person)
        person.take("restored")
        seen.append("restored")
        for name in Tour(person, output, {}).describe_tiles():
            person.take(name)
            seen.append(name)
        person.close()
        third = napari.Viewer(show=True)
        third.theme = options.theme
        person = Person(third, folder)
        for name in look_at_several(person, Path(output)):
            person.take(name)
            seen.append(name)
        person.close()
    if options.folder is None:
        (DOCS / "tour.md").write_text(page(seen), encoding="utf-8")


if __name__ == "__main__":
    main()
