"""Step 1, Image: which layers hold the channels, and which one the cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_splicer.gui.beside import folder_of_image
from napari_splicer.gui.binding import bind
from napari_splicer.gui.disguised import disguised_masks, unmask
from napari_splicer.gui.docks import open_sample
from napari_splicer.gui.panels import take_panel
from napari_splicer.gui.reading import size_of
from napari_splicer.gui.run_files import is_run_file, open_run_file
from napari_splicer.gui.snapshot import Notice
from napari_splicer.gui.steps.apart_offer import ApartOffer
from napari_splicer.gui.steps.channel_names import ChannelNames
from napari_splicer.gui.steps.describe_form import DescribeForm
from napari_splicer.gui.steps.image_facts import ImageFacts
from napari_splicer.gui.steps.lay_offer import LayOffer
from napari_splicer.gui.steps.mask_maker import MaskMaker
from napari_splicer.gui.steps.page import StepPage, fold, heading, narrow_form, text, with_button
from napari_splicer.gui.steps.pixel_size_box import PixelSizeBox
from napari_splicer.gui.together import open_together
from napari_splicer.gui.widgets.file_drop import FileDrop, is_panel
from napari_splicer.gui.widgets.narrow_box import NarrowBox
from napari_splicer.gui.widgets.region_list import RegionList
from napari_splicer.gui.words import count

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_splicer.gui.jobs import JobRunner
    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.gui.readiness import Readiness, StepName
    from napari_splicer.gui.widgets.theme import Theme

_FILES = "Images (*.tif *.tiff *.ome.tif *.npy);;All files (*)"
_AS_IMAGE = "{} looks like a mask of cells that was opened as an image: choose it above."
_REGIONS = (
    "Parts of the tissue that you have marked, as Labels or drawn as shapes: tick them, and a "
    "component can look only inside one of them, or only outside it"
)
_DROP = (
    "Let go to take this file: of a panel file the names and groups of channels, of a run file "
    "(.toml) image, masks, components and settings."
)


class ImageStep(StepPage):
    """Opens with a guess already made; see :class:`~napari_splicer.gui.layers.ViewerLink`.

    Parameters
    ----------
    link : ViewerLink
    runner : JobRunner
    """

    name: ClassVar[StepName] = "image"
    sets_up = True
    title = "Image"
    tip = "Choose the layers with the channels, and the one with the cell mask."

    def __init__(self, link: ViewerLink, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(link.session, parent)
        self._link, self._runner = link, runner
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty())
        self._pages.addWidget(self._chooser())
        self.column.addWidget(self._pages)
        self.drop = FileDrop(
            self, lambda path: is_panel(path) or is_run_file(path), _DROP, self._take_file
        )
        bind(self, link.changed, self._refresh)
        bind(self, self.session.events.image, self._forget_error)
        self._refresh()

    # parts -------------------------------------------------------------------------------------

    def _empty(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(heading("Start with an image"))
        layout.addWidget(
            text(
                "Open an image whose channels are markers, and the mask of its cells (a Labels "
                "layer in which every cell has a number of its own). Both will be found here by "
                "themselves. Without a mask, one can be made of a channel that stains nuclei, or "
                "tiles of the tissue can be described instead of cells."
            )
        )
        sample = QPushButton("Open the synthetic sample")
        sample.setToolTip("A made-up tissue with twelve markers and about 1,500 cells, to try with")
        sample.clicked.connect(self._open_sample)
        files = QPushButton("Open images …")
        files.setToolTip(
            "OME-TIFF or TIFF, with the mask that lies beside it, such as slide_mask.tif; any "
            "other mask is opened next. Choose several files to see them side by side. Or drag "
            "files into napari."
        )
        files.clicked.connect(self._ask_for_image)
        layout.addWidget(sample)
        layout.addWidget(files)
        self.run_file = QPushButton("Open a run file …")
        self.run_file.setToolTip(
            "A run.toml names an image and its masks, components and settings. It can also be "
            "dropped on this step at any time."
        )
        self.run_file.clicked.connect(self._ask_for_run_file)
        layout.addWidget(self.run_file)
        layout.addStretch()
        return page

    def _chooser(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        middle = Qt.TextElideMode.ElideMiddle
        self.image_box, self.mask_box = NarrowBox(middle), NarrowBox(middle)
        self.image_box.tip = "The layers whose pixels hold the markers"
        self.mask_box.tip = "The Labels layer in which every cell has its own number"
        self.image_box.activated.connect(self._choose_image)
        self.mask_box.activated.connect(self._choose_mask)
        form = narrow_form()
        open_image = (
            "Open an image, with the mask that lies beside it, or choose several files to see "
            "those side by side"
        )
        form.addRow("Image", with_button(self.image_box, open_image, self._ask_for_image))
        self.describe = DescribeForm(self.session)
        form.addRow("Describe", self.describe)
        open_mask = "Open the mask of its cells from a file"
        form.addRow("Cell mask", with_button(self.mask_box, open_mask, self._ask_for_mask))
        self.pixel_size = PixelSizeBox(self._link)
        form.addRow("Pixel size", self.pixel_size)
        layout.addLayout(form)
        self.apart = ApartOffer(self._link)
        layout.addWidget(self.apart)
        self.elsewhere = LayOffer(self._link)
        layout.addWidget(self.elsewhere)
        self.facts = ImageFacts(self.session)
        self.disguised = text()
        self.maker = MaskMaker(self._link, self._runner)
        layout.addWidget(self.disguised)
        layout.addWidget(self.maker)
        layout.addWidget(self.facts)
        self.names = ChannelNames(self.session)
        layout.addWidget(self.names)
        layout.addWidget(self._regions())
        return page

    def _regions(self) -> QWidget:
        regions = fold("More masks (tumour, vessels, …)", _REGIONS)
        self.regions = RegionList(self._link)
        regions.addWidget(self.regions)
        return regions

    # what happens ------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """List the layers there are, and show which are chosen."""
        images, masks = self._link.images(), self._link.masks()
        self._pages.setCurrentIndex(1 if images else 0)
        self._choices = images
        self.image_box.clear()
        for choice in images:
            self.image_box.addItem(choice.title)
        chosen = [i for i, c in enumerate(images) if c.layers == self._link.image_layers]
        self.image_box.setCurrentIndex(chosen[0] if chosen else -1)
        self.mask_box.clear()
        self.mask_box.addItem("none" if masks else "none yet", None)
        for mask in masks:
            self.mask_box.addItem(f"{mask.name}{self._other_size(mask)}", mask)
        disguised = disguised_masks(self._link)
        for layer in disguised:
            self.mask_box.addItem(f"{layer.name} (opened as an image)", layer)
        wanted = bool(disguised) and self._link.mask_layer is None
        self.disguised.setText(_AS_IMAGE.format(disguised[0].name) if wanted else "")
        self.disguised.setVisible(wanted)
        place = masks.index(self._link.mask_layer) + 1 if self._link.mask_layer in masks else 0
        self.mask_box.setCurrentIndex(place)

    def _other_size(self, mask: Labels) -> str:
        """Say so where a mask can't be the image's."""
        image, (height, width) = self.session.image, size_of(mask)
        if image is None or image.shape == (height, width):
            return ""
        return f" ({height:,} × {width:,} px: not the image's size)"

    def _open_sample(self) -> None:
        viewer = self._link.viewer
        if viewer is not None:
            open_sample(viewer)

    def _choose_image(self, index: int) -> None:
        self._link.show_image(self._choices[index])

    def _choose_mask(self, index: int) -> None:
        layer = self.mask_box.itemData(index)
        if not isinstance(layer, Image):
            self._link.use_mask(layer)
            return
        was_channel = layer in self._link.image_layers
        self._link.use_mask(unmask(self._link, layer))
        if was_channel and self.session.image is not None:
            left = count(len(self.session.image.channels), "channel")
            words = f"{layer.name} is the cell mask now, and the image has {left}."
            self.session.notice = Notice("info", words, "open")

    def _ask_for_image(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(
            self, "Open an image, or several side by side", folder_of_image(self.session), _FILES
        )
        if len(paths) > 1:
            open_together(self._link, paths)
        elif paths:
            self._link.opener.open_with_mask(paths[0])

    def _ask_for_run_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a run file", "", "Run files (*.toml)")
        if path:
            self._take_file(Path(path))

    def _take_file(self, path: Path) -> None:
        if is_run_file(path):
            open_run_file(self._link, path)
        else:
            take_panel(self.session, path)

    def _ask_for_mask(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Open its cell mask", folder_of_image(self.session), _FILES
        )
        if path:
            self._link.opener.open_mask(path)

    def _forget_error(self) -> None:
        """Take back what was said of a file that could not be opened, or came too early."""
        notice = self.session.notice
        if notice is not None and (notice.kind, notice.stage) == ("error", "open"):
            self.session.notice = None

    def show_readiness(self, readiness: Readiness) -> None:
        """Mark the mask box while a mask is missing or unfit."""
        state = readiness.steps["image"]
        usual = "The Labels layer in which every cell has its own number"
        if self.session.of_tiles:
            usual = "Not needed for tiles, except by components that look outside all cells"
        self.mask_box.tip = state.why or usual

    def show_theme(self, theme: Theme) -> None:
        """Let what is said of a dragged file follow the theme."""
        self.drop.set_theme(theme)
