"""Panel files: which marker is in which channel, and which channels are to be kept."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_splicer.errors import InvalidPanel, UnreadableFile
from napari_splicer.images.checks import unique_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_splicer.images.image import MultiplexImage

_NAME_COLUMNS = ("name", "marker_name")
_NO_GROUP = ("", "na", "nan", "n/a", "none")  # as tables write what is missing
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
    """

    name: str
    channel: str = ""
    keep: bool = True
    group: str | None = None


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

        Channels are matched by name where the panel's ``channel`` column knows every channel of
        the image; else by order, where all markers, or all kept ones, are as many as the channels.

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

    def _for(self, image: MultiplexImage) -> tuple[Marker, ...]:
        by_channel = {marker.channel: marker for marker in self.markers if marker.channel}
        if all(channel in by_channel for channel in image.channels):
            return tuple(by_channel[channel] for channel in image.channels)
        kept = tuple(marker for marker in self.markers if marker.keep)
        for markers in (self.markers, kept):
            if len(markers) == len(image.channels):
                return markers
        listed = f"{len(self.markers)} markers"
        if len(kept) < len(self.markers):
            listed += f" ({len(kept)} of them kept)"
        raise InvalidPanel(
            f"{self.source} lists {listed}, but {image.name} has {len(image.channels)} channels.",
            "Give one row per channel, in the image's order.",
        )


def read_panel(path: str | Path) -> Panel:
    """Read a panel file.

    Parameters
    ----------
    path : path
        CSV with a column ``name`` (steinbock: beside ``channel`` and ``keep``) or ``marker_name``
        (MCMICRO: beside ``channel_number`` and ``remove``); optional column ``group``.

    Raises
    ------
    UnreadableFile
        If it does not exist, is no text, or has no column of names.
    InvalidPanel
        If it lists no marker.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = [
                [cell.strip() for cell in row] for row in csv.reader(file) if any(row)
            ] or [[]]
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
    records = [dict(zip(columns, row, strict=False)) for row in rows]
    if not records:
        raise InvalidPanel(f"The panel file {path} lists no marker.", "Add one row per channel.")
    if all(record.get("channel_number", "").isdecimal() for record in records):
        records.sort(key=lambda record: int(record["channel_number"]))
    return Panel(tuple(_marker(record) for record in records), source=f"The panel {path}")


def _marker(record: Mapping[str, str]) -> Marker:
    name = next(record[column] for column in _NAME_COLUMNS if column in record)
    keep = record.get("keep", "1").lower() in _YES
    removed = record.get("remove", "").lower() in _YES
    group = record.get("group", "")
    return Marker(
        name=name,
        channel=record.get("channel", ""),
        keep=keep and not removed,
        group=None if group.lower() in _NO_GROUP else group,
    )
