"""Numbers and places of a table's cells as the window shows them. No Qt, no napari.

A table knows a cell by its image and its number there. Where several images lie on one sheet, the
layers have one number for each cell of all of them, and one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_splicer.gui.session import Session
    from napari_splicer.gui.snapshot import Snapshot
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.images.sheet import Sheet
    from napari_splicer.patches.sites import Sites


def called(session: Session, number: int) -> str:
    """Return what the cell of a number is called, of several images by its number in its own mask.

    The number is that of the mask's layer, e.g. ``"cell 12"``, or ``"cell 12 of tonsil"``.
    """
    sheet = _sheet_of_table(session)
    return f"cell {number if sheet is None else sheet.called(number)}"


def own_number(session: Session, number: int) -> int:
    """Return the number of a cell in its own mask."""
    sheet = _sheet_of_table(session)
    return number if sheet is None else sheet.own(number)[0]


def sheet_of(session: Session) -> Sheet | None:
    """Return the images side by side through which what is described is numbered, if it is so."""
    tiles = session.settings.patches.sites == "grid"
    units = session.tiles if tiles else session.cells
    of = session.image if units is None else units
    return None if of is None else of.sheet


def _sheet_of_table(session: Session) -> Sheet | None:
    made = session.made_from.get("embed")
    return session.sheet if made is None else made.sheet  # layers may be gone, numbers are not


def shown_ids(session: Session, obs: pd.DataFrame) -> NDArray[np.int64]:
    """Return the number that each row of a table has in the mask's layer, int64 (n,)."""
    sheet = _sheet_of_table(session)
    ids: NDArray[np.int64] = obs["instance_id"].to_numpy(np.int64)
    return ids if sheet is None else ids + sheet.added(obs["region"])[2]


def shown_sites(now: Snapshot, fields: Sequence[MaskedImage], sites: Sites) -> NDArray[np.int64]:
    """Return the number that each site has in the mask's layer, int64 (n,)."""
    sheet = None if now.units is None else now.units.sheet
    if sheet is None:
        return sites.id
    names = np.array([field.name for field in fields])[sites.field]
    added: NDArray[np.int64] = sheet.added(pd.Series(names))[2]
    return sites.id + added


def shown_places(session: Session, obs: pd.DataFrame) -> NDArray[np.float64]:
    """Return y and x of each row of a table in pixels of the image's layers, float64 (n, 2)."""
    made = session.made_from.get("embed")
    image = (made and made.image) or session.image
    places: NDArray[np.float64] = obs[["y", "x"]].to_numpy(np.float64)
    if image is None or image.sheet is None:
        return places
    return places + image.sheet.added(obs["region"])[:2].T


def shown_cells(session: Session) -> pd.DataFrame:
    """Return number, place and area of the table's cells as the window shows them, a copy."""
    if session.table is None:
        return pd.DataFrame(columns=["instance_id", "y", "x", "area"])
    obs = session.table.obs
    y, x = shown_places(session, obs).T
    shown = {"instance_id": shown_ids(session, obs), "y": y, "x": x, "area": obs["area"]}
    return pd.DataFrame(shown, index=obs.index)


def shown_images(image: MultiplexImage | None) -> tuple[MultiplexImage, ...]:
    """Return the image, or all of those on its sheet, as the table calls them."""
    if image is None or image.sheet is None:
        return () if image is None else (image,)
    return tuple(spot.field.image for spot in image.sheet.spots)
