"""Finding a model's channels among those of another image, by name."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_splicer.errors import InvalidComponent
from napari_splicer.images.names import CLOSE, likeness, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_splicer.images.masks import MaskedImage


@dataclass(frozen=True)
class ChannelMatch:
    """How the channels of a model lie in an image.

    Parameters
    ----------
    missing : tuple of str
        Channels of the model that the image lacks.
    extra : tuple of str
        Channels of the image that the model does not know.
    renamed : dict of str to str
        For missing channels, the extra channel of the image that is probably meant. A guess: it
        counts only once a person has confirmed it.
    order : tuple of int, optional
        Positions of the model's channels in the image, in the model's order; None while any is
        missing.
    """

    missing: tuple[str, ...]
    extra: tuple[str, ...]
    renamed: dict[str, str]
    order: tuple[int, ...] | None

    @property
    def complete(self) -> bool:
        """Whether every channel was found."""
        return self.order is not None

    @property
    def advice(self) -> str:
        """Which channels may be misspelt, as a sentence; empty where none is."""
        guesses = ", ".join(f"'{there}' for '{name}'" for name, there in self.renamed.items())
        if not guesses:
            return ""
        return f"Rename the image's channels if it has them under other names: perhaps {guesses}."


def match_channels(
    wanted: Sequence[str], channels: Sequence[str], renamed: Mapping[str, str] | None = None
) -> ChannelMatch:
    """Find the channels ``wanted`` by a model among an image's ``channels``.

    Only equal names match, and those that ``renamed`` (wanted -> name in the image) confirms.

    Examples
    --------
    >>> match_channels(["CD45", "PanCK"], ["panCK", "CD45"]).renamed
    {'PanCK': 'panCK'}
    """
    confirmed = dict(renamed or {})
    place = {name: index for index, name in enumerate(channels)}
    found = {name: place.get(confirmed.get(name, name)) for name in wanted}
    missing = tuple(name for name, index in found.items() if index is None)
    taken = set(found.values())
    extra = tuple(name for name, index in place.items() if index not in taken)
    order = tuple(index for index in found.values() if index is not None)
    return ChannelMatch(missing, extra, _guess(missing, extra), None if missing else order)


def closest(name: str, names: Sequence[str]) -> str | None:
    """Return that of ``names`` which ``name`` probably stands for, misspelt.

    Examples
    --------
    >>> closest("cd3", ["CD8", "CD3"]), closest("DAPI", ["CD8", "CD3"])
    ('CD3', None)
    """
    guess = _guess([name], names).get(name)
    return guess or next(iter(difflib.get_close_matches(name, names, n=1)), None)


def common_channels(fields: Sequence[MaskedImage]) -> tuple[str, ...]:
    """Return the channels that all of the images have, in the order of the first.

    Raises
    ------
    InvalidComponent
        If there is none.
    """
    first, *others = [field.image.channels for field in fields]
    common = tuple(name for name in first if all(name in channels for channels in others))
    if not common:
        raise InvalidComponent(
            "The images have no channel in common.",
            "Choose images of the same panel, or give their channels the same names.",
        )
    return common


def _guess(missing: Sequence[str], extra: Sequence[str]) -> dict[str, str]:
    """Pair names that differ in case and punctuation alone, then those spelt alike."""
    guesses: dict[str, str] = {}
    left = {name: plain(name) for name in extra}
    for name in missing:
        for other, spelt in left.items():
            if spelt == plain(name):
                guesses[name] = other
                del left[other]
                break
    for name in missing:
        if name not in guesses:
            alike = {o: likeness(plain(name), spelt) for o, spelt in left.items()}
            best = max(alike, key=alike.__getitem__, default=None)
            if best is not None and alike[best] >= CLOSE:
                guesses[name] = best
                del left[best]
    return guesses
