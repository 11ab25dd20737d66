"""Windows at several points of the journey, and what is needed to save and open them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from opening import show_image_file, show_mask_file

from napari_splicer.gui import commands
from napari_splicer.gui.layers import ViewerLink, link_for
from napari_splicer.gui.project.capture import capture
from napari_splicer.gui.project.folder import ProjectFolder
from napari_splicer.gui.project.opening import Opened, Question, Wanted, open_project
from napari_splicer.gui.project.provenance import Provenance
from napari_splicer.gui.project.restore import restore
from napari_splicer.samples import synthetic_tissue
from napari_splicer.shares import finish

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_splicer.gui.project.record import ProjectRecord
    from napari_splicer.gui.session import Session


@dataclass
class Window:
    """A viewer without a window, and the project that it is saved to."""

    link: ViewerLink
    provenance: Provenance
    project: ProjectFolder | None = None

    @classmethod
    def new(cls) -> Window:
        viewer = ViewerModel()
        provenance = Provenance(viewer)
        made = cls(link_for(viewer), provenance)
        made.viewer = viewer  # type: ignore[attr-defined]  # links hold it weakly
        return made

    @property
    def session(self) -> Session:
        return self.link.session

    def save(self, path: Path, *, keep_images: bool = False) -> ProjectRecord:
        if self.project is None or self.project.path != path:
            self.project = ProjectFolder(path)
        return self.project.save(capture(self.link, self.provenance, keep_images=keep_images))

    def restore(self, opened: Opened) -> bool:
        with self.link.holding():
            return finish(restore(self.link, opened))

    def run(self, run: commands.Run) -> None:
        commands.begin(self.session, run)
        commands.apply(self.session, run, run.events())


def reopened(path: Path, **said: object) -> Window:
    """Open a project in a new window; fails where something would be asked."""
    window = Window.new()
    opened = finish(open_project(Wanted(path, **said)))
    assert isinstance(opened, Opened), opened
    window.restore(opened)
    window.project = opened.contents.folder
    return window


def asked(path: Path, **said: object) -> Question:
    """Return what is asked when a project is opened."""
    question = finish(open_project(Wanted(path, **said)))
    assert isinstance(question, Question)
    return question


def write_field(folder: Path, name: str, seed: int = 0) -> None:
    """Write an image of four channels and its mask."""
    field = synthetic_tissue(size=160, seed=seed).field
    channels = [c for c in field.image.channels if c in ("CD45", "CD3", "CD8", "PanCK")]
    tifffile.imwrite(
        folder / f"{name}.ome.tif",
        field.image.select(channels).data.compute(),
        ome=True,
        metadata={"axes": "CYX", "Channel": {"Name": channels}},
    )
    tifffile.imwrite(folder / f"{name}_mask.tif", np.asarray(field.cells.data))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with the image "left" and its mask."""
    folder = tmp_path / "images"
    folder.mkdir()
    write_field(folder, "left")
    return folder


@pytest.fixture
def window(images: Path, session: Session) -> Window:
    """A window with that image, its mask, and components that a person chose."""
    made = Window.new()
    show_image_file(made.link, str(images / "left.ome.tif"))
    show_mask_file(made.link, str(images / "left_mask.tif"))
    made.session.components = session.components
    made.session.settings = session.settings
    return made


@pytest.fixture
def trained(window: Window) -> Window:
    """The same with a model."""
    window.run(commands.train(window.session))
    return window


@pytest.fixture
def grouped(trained: Window) -> Window:
    """The same with a table in groups."""
    trained.run(commands.embed(trained.session))
    trained.run(commands.cluster(trained.session))
    return trained


@pytest.fixture
def project(grouped: Window, tmp_path: Path) -> Path:
    """That window, saved."""
    path = tmp_path / "left.splicer"
    grouped.save(path)
    return path


@pytest.fixture
def open_again() -> Callable[..., Window]:
    return reopened


@pytest.fixture
def ask() -> Callable[..., Question]:
    return asked


@pytest.fixture
def field() -> Callable[..., None]:
    return write_field


@pytest.fixture
def new_window() -> Callable[[], Window]:
    return Window.new
