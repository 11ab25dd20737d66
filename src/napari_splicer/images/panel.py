"""Panel files: which marker is in which channel, and which channels are to be kept."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_splicer.errors import InvalidPanel, UnreadableFile
from napari_splicer.images.checks import unique_names
from napari_splicer.images.names import alike, telling
from napari_splicer.separators import separator_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_splicer.images.image import MultiplexImage

_NAME_COLUMNS = ("name", "marker_name")
_NO_GROUP = ("", "na", "nan", "n/a", "none")  # as tables write what is missing
_NAMED = 3  # names in a sentence
_YES = ("1", "1.0", "true", "yes", "y")


@dataclass(frozen=True)
class Marker:
    """One row of a panel.

    Parameters
    ----------
    name : str
        Of the marker, e.g. ``"CD3"``; may be empty.
    channel : str
        What the channel is called in the image, e.g. the metal ``"Er170"``; may be empty.
    keep : bool
        Whether the channel takes part in the analysis.
    group : str, optional
        A component that the marker is meant for.
    line : int
        Of the file, from 1; 0 where it comes from none.
    """

    name: str
    channel: str = ""
    keep: bool = True
    group: str | None = None
    line: int = 0

    @property
    def words(self) -> str:
        """Where it stands and what it is called, for a message."""
        name = self.name or self.channel
        return f"line {self.line} ({name})" if name else f"line {self.line}"


@dataclass(frozen=True)
class Panel:
    """The markers of an image, in the order of its channels."""

    markers: tuple[Marker, ...]
    source: str = "the panel"

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Channels of the kept markers by group, in the panel's order; empty without that column.

        As :meth:`apply` names them. Groups whose names differ in case alone are one.
        """
        channels, _ = unique_names([marker.name or marker.channel for marker in self.markers])
        groups: dict[str, tuple[str, ...]] = {}
        spelt: dict[str, str] = {}
        for channel, marker in zip(channels, self.markers, strict=True):
            if marker.group and marker.keep:
                group = spelt.setdefault(marker.group.casefold(), marker.group)
                groups[group] = (*groups.get(group, ()), channel)
        return groups

    def apply(self, image: MultiplexImage) -> MultiplexImage:
        """Return ``image`` with the panel's names, without the channels that it drops.

        Channels are matched by name where the panel's ``channel`` column, or its names of markers,
        know every channel of the image; else by order, where all markers, or all kept ones, are as
        many as the channels.

        Raises
        ------
        InvalidPanel
            If neither is possible, naming both counts, or if no channel is kept.
        """
        markers = self._for(image)
        named = image.with_channels([m.name or m.channel for m in markers])
        kept = [
            channel for channel, marker in zip(named.channels, markers, strict=True) if marker.keep
        ]
        if not kept:
            raise InvalidPanel(
                f"{self.source} keeps none of the channels of {image.name}.",
                "Set keep to 1 for the markers to analyse.",
            )
        return named if len(kept) == len(markers) else named.select(kept)

    def doubt(self, image: MultiplexImage) -> str:
        """Say why this may be the panel of another image; empty where nothing speaks for that.

        Where names are given by order, fewer than a third are like those that the channels have.
        Stand-ins for names, such as ``"Channel 3"``, tell nothing. Raises as :meth:`apply`.
        """
        if self._by_name(image) is not None:
            return ""
        told = [
            (channel, marker)
            for channel, marker, real in zip(
                image.channels, self._for(image), telling(image.channels), strict=True
            )
            if real
        ]
        apart = [
            (channel, marker.name or marker.channel)
            for channel, marker in told
            if not any(alike(channel, name) for name in (marker.name, marker.channel) if name)
        ]
        shared = len(told) - len(apart)
        if len(told) < 2 or 3 * shared >= len(told):
            return ""
        named = [f"{channel} → {name}" for channel, name in apart if name]
        listed = ", ".join(named[:_NAMED]) + (", …" if len(named) > _NAMED else "")
        few = f"{f'only {shared}' if shared else 'none'} of {len(told)}"
        return (
            f"The panel's names go by order, and {few} {'are' if shared > 1 else 'is'} like the "
            f"name that the channel had ({listed}): is it the panel of another image?"
        )

    def _by_name(self, image: MultiplexImage) -> tuple[Marker, ...] | None:
        """Return the channels' markers where one of the panel's columns knows all of them."""
        for by_name in (
            {marker.channel: marker for marker in self.markers},
            {marker.name: marker for marker in self.markers},
        ):
            named = by_name.keys() - {""}
            unique = len(by_name) == len(self.markers)
            if unique and all(channel in named for channel in image.channels):
                return tuple(by_name[channel] for channel in image.channels)
        return None

    def _for(self, image: MultiplexImage) -> tuple[Marker, ...]:
        by_name = self._by_name(image)
        if by_name is not None:
            return by_name
        kept = tuple(marker for marker in self.markers if marker.keep)
        for markers in (self.markers, kept):
            if len(markers) == len(image.channels):
                return markers
        listed = f"{len(self.markers)} markers"
        if len(kept) < len(self.markers):
            listed += f" ({len(kept)} of them kept)"
        raise InvalidPanel(
            f"{self.source} lists {listed}, but {image.name} has {len(image.channels)} channels.",
            f"{self._what_does_not_fit(image)} Give one row per channel, in the image's order.",
        )

    def _what_does_not_fit(self, image: MultiplexImage) -> str:
        """Name the first row, or the channels, that have no counterpart."""
        known = {name for marker in self.markers for name in (marker.channel, marker.name)}
        unknown = [channel for channel in image.channels if channel not in known]
        if len(unknown) * 2 < len(image.channels):
            return f"It has no row for {', '.join(unknown)}."
        count = len(image.channels)
        if len(self.markers) > count:
            return f"From {self.markers[count].words} on, there is no channel left."
        place = len(self.markers)
        return f"From channel {place + 1} ({image.channels[place]}) on, there is no row left."


def read_panel(path: str | Path) -> Panel:
    """Read a panel file.

    Parameters
    ----------
    path : path
        CSV, separated by commas, semicolons or tabs, with a column ``name`` (steinbock: beside
        ``channel`` and ``keep``) or ``marker_name`` (MCMICRO: beside ``channel_number`` and
        ``remove``); optional column ``group``.

    Raises
    ------
    UnreadableFile
        If it does not exist, is no text, or has no column of names.
    InvalidPanel
        If it lists no marker, or a row has more cells than there are columns, naming its line.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator = separator_of(file.readline())
            file.seek(0)
            reader = csv.reader(file, delimiter=separator)
            (_, header), *rows = [
                (reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)
            ] or [(0, [])]
    except OSError as error:
        raise UnreadableFile(
            f"The panel file {path} cannot be read ({error.strerror}).", "Check the path."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFile(
            f"The panel file {path} is not a table in plain text.",
            "Choose a panel.csv or markers.csv, saved as CSV (UTF-8).",
        ) from error
    columns = [column.lower() for column in header]
    if not any(column in columns for column in _NAME_COLUMNS):
        raise UnreadableFile(
            f"The panel file {path} has no column 'name' or 'marker_name'.",
            f"Its columns are: {', '.join(header) or 'none'}.",
        )
    for line, row in rows:
        if any(row[len(columns) :]):
            raise InvalidPanel(
                f"Line {line} of the panel file {path} has more cells than there are columns.",
                'Put a name that holds a comma between quotes: "HLA-A,B,C".',
            )
    records = [
        (line, dict.fromkeys(columns, "") | dict(zip(columns, row, strict=False)))
        for line, row in rows
    ]
    if not records:
        raise InvalidPanel(f"The panel file {path} lists no marker.", "Add one row per channel.")
    markers = tuple(_marker(record, line) for line, record in _in_order(records))
    return Panel(markers, source=f"The panel {path}")


def _in_order(records: list[tuple[int, dict[str, str]]]) -> list[tuple[int, dict[str, str]]]:
    """Return rows by the numbers of their channels, where these tell all of them apart.

    Numbers that begin anew in every cycle do so beside the cycle's; else the file's order counts.
    """
    for columns in (("channel_number",), ("cycle_number", "channel_number")):
        numbers = [tuple(record.get(column, "") for column in columns) for _, record in records]
        if not all(number.isdecimal() for row in numbers for number in row):
            continue
        keys = [tuple(map(int, row)) for row in numbers]
        if len(set(keys)) == len(keys):
            order = sorted(range(len(keys)), key=keys.__getitem__)
            return [records[place] for place in order]
    return records


def _marker(record: Mapping[str, str], line: int) -> Marker:
    name = next(record[column] for column in _NAME_COLUMNS if column in record)
    keep = record.get("keep", "1").lower() in _YES
    removed = record.get("remove", "").lower() in _YES
    group = record.get("group", "")
    return Marker(
        name=name,
        channel=record.get("channel", ""),
        keep=keep and not removed,
        group=None if group.lower() in _NO_GROUP else group,
        line=line,
    )
