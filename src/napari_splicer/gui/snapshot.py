"""Frozen views of the session: what a worker, the readiness rules and a legend look at."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_splicer.analysis.groups import colours_of
from napari_splicer.config import RunConfig
from napari_splicer.gui.words import of_tiles

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.config import Component, PatchSettings
    from napari_splicer.events import Stage
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import LabelMask, MaskedImage
    from napari_splicer.images.sheet import Sheet
    from napari_splicer.model.bundle import Bundle
    from napari_splicer.patches.tile_mask import TileMask


MIXTURE = "likeness (three principal components)"
"""What a session's ``mixture`` is called among the colours that it can show."""


@dataclass(frozen=True, slots=True)
class Group:
    """One group of cells in a legend; ``colour`` is ``"#rrggbb"``."""

    name: str
    colour: str
    count: int
    visible: bool = True


@dataclass(frozen=True, slots=True)
class Light:
    """How a channel is shown: pixels of ``low`` are black, of ``high`` as bright as ``hue``.

    ``hue`` is ``"#rrggbb"``; between the limits, light grows with the power ``gamma``.
    """

    hue: str
    low: float
    high: float
    gamma: float = 1.0


def legend(
    table: AnnData, clustering: str, codes: NDArray[np.int64], hidden: Collection[str]
) -> tuple[Group, ...]:
    """Return a table's groups in one clustering, given each row's code (n,) and what is hidden."""
    names = table.obs[clustering].cat.categories
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    return tuple(
        Group(str(name), str(colour), int(count), str(name) not in hidden)
        for name, colour, count in zip(names, colours_of(table, clustering), counts, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Job:
    """A running stage. ``done`` of ``total`` ``unit``; None where unknown."""

    run: int
    stage: Stage
    done: int = 0
    total: int | None = None
    unit: str = ""
    seconds_left: float | None = None
    message: str = ""
    cancelling: bool = False
    paused: bool = False

    @property
    def fraction(self) -> float | None:
        """How much is done, 0 to 1; None while unknown."""
        return min(self.done / self.total, 1.0) if self.total else None


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for the person, the stage that it belongs to, and what only some want to read.

    ``undo`` is the step of the set-up's history that it tells of, where it may have to be undone.
    """

    kind: Literal["info", "warning", "error"]
    text: str
    stage: Stage | None = None
    details: str = ""
    undo: str = ""


def warning_after(now: Notice | None, message: str, stage: Stage) -> Notice:
    """Return a warning that also says what the ones before it said."""
    before = now.text if now is not None and now.kind == "warning" else ""
    text = before if message in before else f"{before} {message}".strip()
    return Notice("warning", text, stage)


def without_warning(now: Notice | None, message: str) -> Notice | None:
    """Return what is left of a notice without one of its warnings."""
    if now is None or now.kind != "warning" or message not in now.text:
        return now
    text = " ".join(now.text.replace(message, "").split())
    return replace(now, text=text) if text else None


@dataclass(frozen=True, slots=True)
class Sought:
    """A question: which cells, or tiles, are like these (label ids), by a source of the table.

    ``called`` is what one of them is called where it is alone.
    """

    cells: tuple[int, ...]
    source: str
    tiles: bool = False
    called: str = ""

    @property
    def words(self) -> str:
        """What is asked about, e.g. ``"cell 12"``, or ``"3 tiles"``."""
        count = len(self.cells)
        words = f"{count:,} cells" if count > 1 else self.called or f"cell {self.cells[0]}"
        return of_tiles(words) if self.tiles else words


@dataclass(frozen=True, slots=True)
class Facts:
    """What an image and its mask hold; found by reading them, so in a worker.

    ``problem`` says why the mask cannot be used, empty where it can; ``scattered`` names the cells
    that lie in pieces far apart; ``undefined`` is which part of the pixels of the worst
    channel holds no number; ``bare`` are those of several images in which there is no cell.
    """

    cells: int | None = None
    at_border: int = 0
    constant: tuple[str, ...] = ()
    problem: str = ""
    scattered: tuple[str, ...] = ()
    undefined: float = 0.0
    bare: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """What a run is made from, frozen. See :class:`~napari_splicer.gui.session.Session`."""

    image: MultiplexImage | None = None
    cells: LabelMask | None = None
    regions: Mapping[str, LabelMask] = field(default_factory=dict)
    facts: Facts | None = None
    panel_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    components: tuple[Component, ...] = ()
    colours: Mapping[str, str] = field(default_factory=dict)
    settings: RunConfig = field(default_factory=RunConfig)
    bundle: Bundle | None = None
    table: AnnData | None = None
    clustering: str | None = None
    job: Job | None = None
    made_from: Mapping[Stage, Snapshot] = field(default_factory=dict)
    tiles: TileMask | None = None
    sheet: Sheet | None = None

    @property
    def of_tiles(self) -> bool:
        """Whether tiles of the tissue are described, not cells."""
        return self.settings.patches.sites == "grid"

    def words(self, sentence: str) -> str:
        """Return a sentence about cells; about tiles where those are described."""
        return of_tiles(sentence) if self.of_tiles else sentence

    @property
    def units(self) -> LabelMask | None:
        """The mask of what is described: of the cells, or of the tiles."""
        return self.tiles if self.of_tiles else self.cells

    @property
    def count(self) -> int | None:
        """How many cells, or tiles, there are; None while that is not known."""
        if self.of_tiles:
            return None if self.tiles is None else len(self.tiles)
        return None if self.facts is None else self.facts.cells

    @property
    def image_of_cells(self) -> MultiplexImage | None:
        """The chosen image, unless the table's cells are of another one."""
        made = self.made_from.get("embed")
        other = made is not None and made.image is not None and not of_one_image(made, self)
        return None if other else self.image

    @property
    def patches(self) -> PatchSettings:
        """How patches are cut: where, as is set; how large, as the model has it if there is one."""
        wanted = self.settings.patches
        return wanted if self.bundle is None else cut_for(wanted, self.bundle)

    @property
    def config(self) -> RunConfig:
        """The settings with the components: what the pipeline's verbs take."""
        return self.settings.model_copy(update={"components": self.components})

    def whole(self) -> MaskedImage:
        """Return what is seen: the image with its masks, sizes checked.

        Raises
        ------
        SizeMismatch
            If a mask is of another size than the image.
        """
        from napari_splicer.images.masks import MaskedImage

        if self.image is None:
            raise RuntimeError("no image is chosen")
        return MaskedImage(image=self.image, cells=self.cells, regions=dict(self.regions))

    def fields(self) -> tuple[MaskedImage, ...]:
        """Return what the pipeline's verbs take: the image, or each of those on its sheet.

        Of a sheet, the mask is read; so in a worker.

        Raises
        ------
        SizeMismatch
            If a mask is of another size than the image.
        """
        if self.image is None:
            return ()
        whole = self.whole()
        if self.image.sheet is None:
            return (whole,)
        return self.image.sheet.fields(self.image, self.cells, self.regions)

    def inputs(self) -> Snapshot:
        """Return this without results, to be kept beside the result made from it."""
        return replace(self, table=None, clustering=None, job=None, made_from={})


def cut_for(wanted: PatchSettings, bundle: Bundle) -> PatchSettings:
    """Return the settings by which a model embeds: patches are of the size that it knows."""
    trained = bundle.config.patches
    return trained.model_copy(update={"sites": wanted.sites, "stride": wanted.stride})


def same_pixels(image: MultiplexImage, other: MultiplexImage) -> bool:
    """Tell whether the pixels are the same, perhaps with other names for their channels, or fewer.

    What a panel leaves out does not make an image another one.
    """
    levels, others = ((one.whole or one).levels for one in (image, other))
    return all(a.name == b.name for a, b in zip(levels, others, strict=False))


def of_one_image(one: Snapshot, other: Snapshot) -> bool:
    """Return whether both are of the same image."""
    return one.image is not None and other.image is not None and same_pixels(one.image, other.image)


def representation(table: AnnData | None) -> object:
    """Return what the network says of a table's cells, for telling whether it is the same."""
    return None if table is None else table.obsm.get("X_splicer")


def detached(table: AnnData) -> AnnData:
    """Return a table for a worker, which no edit of the session's table reaches.

    What edits change in place (``obs``, ``var``, ``uns``) is copied; the matrices, which never
    change, are shared.
    """
    from anndata import AnnData

    return AnnData(
        table.X,
        obs=table.obs.copy(),
        var=table.var.copy(),
        obsm=dict(table.obsm),
        layers=dict(table.layers),
        uns=deepcopy(dict(table.uns)),
    )
