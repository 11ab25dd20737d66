"""What is found of the sites of a reader: means and representations, tile by tile."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from napari_splicer.embedding.forward import Forward, parts_seen
from napari_splicer.embedding.passes import Found
from napari_splicer.embedding.resolve import resolve
from napari_splicer.embedding.streams import described
from napari_splicer.memory import kept_at_hand
from napari_splicer.patches.levels import at_levels, with_levels
from napari_splicer.patches.reader import PatchReader
from napari_splicer.patches.sites import patch_sides
from napari_splicer.training.device import threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_splicer.config import RunConfig
    from napari_splicer.events import Cancel, Warned
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle
    from napari_splicer.patches.sites import Sites

__all__ = ["Describer", "Found", "Here", "described", "patch_reader"]


class Describer(Protocol):
    """Who reads the images and applies the network: this process, or others."""

    run: RunConfig
    """The settings that it runs by; see :func:`napari_splicer.embedding.resolve.resolve`."""

    def widths(self) -> tuple[int, int]:
        """Return the columns of representation and primary embedding."""
        ...

    def describe(
        self,
        reader: PatchReader,
        rows: NDArray[np.int64],
        channels: Sequence[str],
        cancel: Cancel,
    ) -> Iterator[Found | Warned]:
        """Describe some sites of a reader, given in the order of reading, until asked to stop.

        ``channels`` are the columns of the means; NaN where a field lacks one.
        """
        ...


class Here:
    """Describes sites in this process."""

    def __init__(self, run: RunConfig, forward: Forward | None) -> None:
        self.run = run
        self._forward = forward

    @classmethod
    @contextmanager
    def opened(
        cls, fields: Sequence[MaskedImage], bundle: Bundle | None, config: RunConfig
    ) -> Iterator[Here]:
        """Give one that holds the device's memory within the context."""
        run = resolve(config, bundle)
        if bundle is not None:
            run = with_levels(run, fields)
        forward = None if bundle is None else Forward(fields, bundle, run)
        try:
            yield cls(run, forward)
        finally:
            if forward is not None:
                forward.close()

    def widths(self) -> tuple[int, int]:
        """Return the columns of representation and primary embedding; (0, 0) without a model."""
        return (0, 0) if self._forward is None else self._forward.widths()

    def describe(
        self,
        reader: PatchReader,
        rows: NDArray[np.int64],
        channels: Sequence[str],
        cancel: Cancel,
    ) -> Iterator[Found | Warned]:
        """Describe some sites; see :meth:`Describer.describe`."""
        with kept_at_hand(), threads(self.run.threads):
            for found in described(reader.at(rows), self._forward, channels, cancel):
                if isinstance(found, Found):
                    found = Found(rows[found.rows], found.matrices)
                yield found


def patch_reader(
    fields: Sequence[MaskedImage],
    sites: Sites,
    bundle: Bundle | None,
    run: RunConfig,
    sides: Sequence[int],
) -> PatchReader:
    """Return the reader of the patches that a bundle's network takes in.

    Where they are of a smaller resolution of an image, ``coarse`` reads them.
    """
    reader = PatchReader(
        fields,
        sites,
        channels=() if bundle is None else bundle.channels,
        regions=() if bundle is None else parts_seen(bundle).regions,
        side=sides,
        size=run.patches.size,
        batch=run.embedding.batch or 1,  # open only where no network takes batches
        device="cpu" if bundle is None else run.device,
        blank_missing=bundle is not None and bundle.can_do_without,
    )
    if bundle is None:
        return reader
    shown, there = at_levels(fields, sites, run.patches)
    if there is sites:
        return reader
    coarse = replace(reader, fields=shown, sites=there, side=patch_sides(shown, run.patches))
    return replace(reader, coarse=coarse)
