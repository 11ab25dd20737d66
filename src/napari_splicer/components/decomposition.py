"""Decomposition: which channels, seen where, form each component."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from napari_splicer.components.matching import ChannelMatch, closest, match_channels
from napari_splicer.config import Component
from napari_splicer.errors import InvalidComponent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from napari_splicer.images.masks import MaskedImage

_COMPONENTS = TypeAdapter(tuple[Component, ...])

OWN_CELL = frozenset({"cell", "surroundings", "other_cells"})
"""Kinds of region that need to know which cell a patch was cut around."""


@dataclass(frozen=True)
class Decomposition:
    """The components into which an image is divided; may overlap and need not cover it.

    Parameters
    ----------
    components : tuple of Component

    Examples
    --------
    >>> Decomposition.per_channel(["CD3", "CD20"]).widths(9)
    (5, 4)
    """

    components: tuple[Component, ...]

    @classmethod
    def per_channel(cls, channels: Iterable[str]) -> Decomposition:
        """Return one component for each channel, over the whole patch."""
        return cls(tuple(Component(name=name, channels=(name,)) for name in channels))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components."""
        return tuple(component.name for component in self.components)

    @property
    def channels(self) -> tuple[str, ...]:
        """All channels used, each once, in the order of first use."""
        return tuple(dict.fromkeys(name for c in self.components for name in c.channels))

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the masks used (other than the cells), in the order of first use."""
        masks = (component.region.mask for component in self.components)
        return tuple(dict.fromkeys(mask for mask in masks if mask is not None))

    def widths(self, total: int) -> tuple[int, ...]:
        """Return the width of each component's chunk of an embedding of ``total`` dimensions.

        Components without a width of their own share what is left equally; the first ones get one
        more where it does not divide.

        Raises
        ------
        InvalidComponent
            If some component would be left without a dimension, or ``total`` is not filled.
        """
        given = sum(component.width or 0 for component in self.components)
        sharing = sum(component.width is None for component in self.components)
        left = total - given
        if left < sharing or (left > 0 and not sharing):
            raise InvalidComponent(
                f"The components' widths ask for {given} dimensions"
                + (f" and leave {max(left, 0)} for {sharing} more" if sharing else "")
                + f", but the embedding has {total}.",
                "Change the embedding's size, or leave widths open to share it equally.",
            )
        shares = iter(left // sharing + (i < left % sharing) for i in range(sharing))
        return tuple(
            next(shares) if component.width is None else component.width
            for component in self.components
        )

    def validate(self, field: MaskedImage, *, sites: str = "cells") -> None:
        """Check that ``field`` has all that the components need.

        Parameters
        ----------
        field : MaskedImage
        sites : {"cells", "grid"}
            What patches are cut around.

        Raises
        ------
        InvalidComponent
            Naming the component, and what it lacks.
        """
        self.check(
            field.image.channels,
            field.regions,
            cells=field.cells is not None,
            sites=sites,
            image=f"the image {field.name}",
        )

    def check(
        self,
        channels: Sequence[str],
        regions: Collection[str] = (),
        *,
        cells: bool = True,
        sites: str = "cells",
        image: str = "the image",
    ) -> None:
        """Do as :meth:`validate`, given names alone.

        Raises
        ------
        InvalidComponent
            Naming the component, and what it lacks.
        """
        if not self.components:
            raise InvalidComponent("There is no component.", "Add at least one.")
        for name in self.names:
            if self.names.count(name) > 1:
                raise InvalidComponent(
                    f"Two components are called '{name}'.", "Give each a name of its own."
                )
        for component in self.components:
            _check_channels(component, channels, image)
            _check_region(component, regions, cells, sites, image)

    def without(self, channels: Collection[str]) -> tuple[str, ...]:
        """Return the names of the components that use a channel which is not among ``channels``."""
        here = set(channels)
        return tuple(c.name for c in self.components if not here.issuperset(c.channels))

    def rename_channels(self, names: Mapping[str, str]) -> Decomposition:
        """Return the decomposition with channels called as ``names`` says, where it does."""
        return Decomposition(
            tuple(
                c.model_copy(update={"channels": tuple(names.get(n, n) for n in c.channels)})
                for c in self.components
            )
        )

    def match(
        self, channels: Sequence[str], renamed: Mapping[str, str] | None = None
    ) -> ChannelMatch:
        """Find this decomposition's channels among an image's, by name.

        Parameters
        ----------
        channels : sequence of str
            The image's.
        renamed : mapping of str to str, optional
            Names of the decomposition -> names of the image, as confirmed by a person.
        """
        return match_channels(self.channels, channels, renamed)

    def to_json(self) -> str:
        """Return the components as a JSON array."""
        return json.dumps(_COMPONENTS.dump_python(self.components, mode="json"), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Decomposition:
        """Return what :meth:`to_json` was called on.

        Raises
        ------
        InvalidComponent
            If ``text`` does not describe components.
        """
        try:
            return cls(_COMPONENTS.validate_json(text))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise InvalidComponent(
                f"These are no components: {place or 'the text'}: {first['msg']}.",
                "Save them from the Components step, or see the documentation for the format.",
            ) from error


def _check_channels(component: Component, channels: Sequence[str], image: str) -> None:
    if not component.channels:
        raise InvalidComponent(
            f"Component '{component.name}' has no channel.", "Add one, or remove the component."
        )
    for name in component.channels:
        if component.channels.count(name) > 1:
            raise InvalidComponent(
                f"Component '{component.name}' lists channel {name} twice.", "Remove one of them."
            )
        if name not in channels:
            near = closest(name, channels)
            raise InvalidComponent(
                f"Component '{component.name}' uses channel {name}, which {image} does not have.",
                f"Did you mean {near}?"
                if near
                else f"The channels of {image} are: {', '.join(channels)}.",
            )


def _check_region(
    component: Component, regions: Collection[str], cells: bool, sites: str, image: str
) -> None:
    region = component.region
    place = f"Component '{component.name}' looks at '{region.describe()}'"
    if region.mask is not None and region.mask not in regions:
        near = closest(region.mask, list(regions))
        raise InvalidComponent(
            f"{place}, but {image} has no mask '{region.mask}'.",
            f"{f'Did you mean {near}? ' if near else ''}Masks here: {', '.join(regions)}."
            if regions
            else "Add the mask to the regions of the image.",
        )
    if region.kind in OWN_CELL and sites == "grid":
        raise InvalidComponent(
            f"{place}, but tiles of a grid have no cell of their own.",
            "Choose another region, or cut patches around cells.",
        )
    if (region.kind in OWN_CELL or region.kind == "background") and not cells:
        raise InvalidComponent(
            f"{place}, but {image} has no cell mask.", "Choose a cell mask, or another region."
        )
