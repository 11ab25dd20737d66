"""Step 6, Export: what is written, where, and how to load it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices, QGuiApplication
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
)

from napari_splicer.gui import commands
from napari_splicer.gui.binding import bind
from napari_splicer.gui.readiness import StepState
from napari_splicer.gui.steps.page import StepPage, allow, heading, text
from napari_splicer.gui.widgets.progress_panel import ProgressPanel
from napari_splicer.gui.widgets.wording import Wording
from napari_splicer.gui.words import breakable

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.jobs import JobRunner
    from napari_splicer.gui.readiness import Readiness, StepName
    from napari_splicer.gui.session import Session

FORMATS = {
    "h5ad": ("Table for scanpy and Python (.h5ad)", "All cells, numbers and groups"),
    "zarr": ("Table as Zarr (.zarr)", "The same table, for large data and the cloud"),
    "csv": ("Table for Excel and R (.csv)", "One row per cell: place, markers, groups"),
    "parquet": ("Table as Parquet (.parquet)", "The same rows, smaller and faster than CSV"),
    "ome-tiff": ("Image of the groups (OME-TIFF)", "The mask, with each cell's group as its value"),
    "ome-zarr": ("Image of the groups (OME-Zarr)", "The same, for large slides"),
}


class ExportStep(StepPage):
    """One button; afterwards the paths and a line of code.

    Parameters
    ----------
    runner : JobRunner
    """

    name: ClassVar[StepName] = "export"
    title = "Export"
    tip = "Write the table and the image of the groups to disk."

    def __init__(self, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(runner.session, parent)
        self._runner = runner
        self._state = StepState("blocked")
        self.column.addWidget(heading("What"))
        self.ticks: dict[str, QCheckBox] = {}
        self._wording = Wording(self, self.session)
        for name, (words, tip) in FORMATS.items():
            tick = QCheckBox(words)
            self._wording.put(tick.setToolTip, tip)
            tick.toggled.connect(self._store)
            self.ticks[name] = tick
            self.column.addWidget(tick)
        self.column.addWidget(heading("Where"))
        self.folder = QLineEdit()
        self._usual_folder, self._image = "", _name_of(self.session)
        self._suggest_folder()
        self.folder.textChanged.connect(self._allow)
        self.folder.setToolTip("Folder for the files; it is made if it is not there")
        choose = QPushButton("Choose …")
        choose.setToolTip("Choose the folder for the files")
        choose.clicked.connect(self._choose)
        line = QHBoxLayout()
        line.addWidget(self.folder, 1)
        line.addWidget(choose)
        self.column.addLayout(line)
        self.overwrite = QCheckBox("Replace files that are there")
        self.overwrite.setToolTip("Without this, nothing that exists is touched")
        self.overwrite.toggled.connect(self._store)
        self.column.addWidget(self.overwrite)
        self.button = QPushButton("Export")
        self.button.clicked.connect(self.export)
        self.why = text()
        self.column.addWidget(self.button)
        self.column.addWidget(self.why)
        self.column.addWidget(
            ProgressPanel(
                runner,
                "export",
                "Files that have replaced others stay; what else was written is taken back.",
                self,
            )
        )
        self._add_result()
        self.column.addStretch()
        bind(self, self.session.events.exported, self._describe)
        bind(self, self.session.events.settings, self._suggest_folder)
        bind(self, self.session.events.settings, self._show_settings)
        bind(self, self.session.events.image, self._follow_image)
        self._show_settings()
        self._describe()

    def _suggest_folder(self) -> None:
        """Follow the run's folder until a person chooses another."""
        if self.folder.text() == self._usual_folder:
            self._usual_folder = str(commands.export_folder(self.session))
            self.folder.setText(self._usual_folder)

    def _follow_image(self) -> None:
        """Begin anew for another image: its files have the names of those of the one before."""
        name = _name_of(self.session)
        if name is not None and self._image not in (None, name):
            self.folder.setText(self._usual_folder)
        self._image = name or self._image
        self._suggest_folder()

    def _show_settings(self) -> None:
        """Tick what will be written, whoever has decided it."""
        wanted = self.session.settings.export
        for name, tick in self.ticks.items():
            _tick(tick, name in wanted.formats)
        _tick(self.overwrite, wanted.overwrite)
        self._allow()

    def _add_result(self) -> None:
        self.result = text()
        self.code = QLineEdit()
        self.code.setReadOnly(True)
        self.code.setToolTip("Loads the table in Python")
        self._open = QPushButton("Open folder")
        self._open.setToolTip("Show the files in the file manager")
        self._open.clicked.connect(self._open_folder)
        self._copy = QPushButton("Copy code")
        self._copy.setToolTip("Copy the line that loads the table")
        self._copy.clicked.connect(self._copy_code)
        line = QHBoxLayout()
        line.addWidget(self._open)
        line.addWidget(self._copy)
        for widget in (self.result, self.code):
            self.column.addWidget(widget)
        self.column.addLayout(line)

    def export(self) -> None:
        """Start writing."""
        folder = Path(self.folder.text()).expanduser().absolute()
        self._runner.start(commands.export(self.session, folder))

    def _store(self) -> None:
        formats = [name for name, tick in self.ticks.items() if tick.isChecked()]
        self.session.settings = self.session.settings.with_values(
            {"export.formats": formats, "export.overwrite": self.overwrite.isChecked()}
        )

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the files", self.folder.text())
        if folder:
            self.folder.setText(folder)

    def _describe(self) -> None:
        paths = self.session.exported
        if paths and self.folder.text() == self._usual_folder:
            self.folder.setText(str(paths[0].parent))  # a project was opened
        lines = [f"• {breakable(path.name)}" for path in paths]
        if paths:
            lines.insert(0, f"Written to {breakable(str(paths[0].parent))}:")
        self.result.setText("\n".join(lines))
        self.code.setText(loading_code(paths))
        self.code.setCursorPosition(0)
        for widget in (self.result, self._open):
            widget.setVisible(bool(paths))
        for widget in (self.code, self._copy):
            widget.setVisible(bool(self.code.text()))
        if paths:
            self.bring_into_sight(self.result, self._open)

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.session.exported[0].parent)))

    def _copy_code(self) -> None:
        QGuiApplication.clipboard().setText(self.code.text())

    def show_readiness(self, readiness: Readiness) -> None:
        """Enable the button where there is something to write."""
        self._state = readiness.steps["export"]
        self._allow()

    def _allow(self) -> None:
        state = self._state
        if state.allowed and not self.folder.text().strip():
            state = StepState("blocked", "Choose the folder for the files.")
        if state.allowed and not any(tick.isChecked() for tick in self.ticks.values()):
            state = StepState("blocked", "Tick at least one kind of file.")
        allow(self.button, state, "Write the ticked files")
        self.why.setText(state.why)
        self.why.setVisible(bool(state.why))


def _name_of(session: Session) -> str | None:
    return None if session.image is None else session.image.name


def _tick(box: QCheckBox, on: bool) -> None:
    """Tick a box for what is decided already."""
    box.blockSignals(True)
    box.setChecked(on)
    box.blockSignals(False)


def loading_code(paths: tuple[Path, ...]) -> str:
    """Return a line of Python that loads the table among ``paths``; empty if there is none.

    Examples
    --------
    >>> loading_code((Path("out/table.h5ad"),))
    "import anndata; table = anndata.read_h5ad('out/table.h5ad')"
    """
    readers = {
        ".h5ad": "import anndata; table = anndata.read_h5ad({!r})",
        ".zarr": "import anndata; table = anndata.read_zarr({!r})",
        ".parquet": "import pandas; table = pandas.read_parquet({!r})",
        ".csv": "import pandas; table = pandas.read_csv({!r})",
    }
    for suffix, code in readers.items():
        for path in paths:
            if path.suffix == suffix and not path.name.endswith((".ome.zarr", ".legend.csv")):
                return code.format(path.as_posix())
    return ""
