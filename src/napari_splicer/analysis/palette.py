"""Colours of groups: distinct on a dark image, to most colour-blind readers, and stable."""

from __future__ import annotations

from itertools import cycle, islice

UNASSIGNED = "unassigned"
"""Name of the group of cells that could not be grouped."""

UNASSIGNED_COLOUR = "#4D4D4D"

# Okabe and Ito 2008, "Color Universal Design", with grey for black, which vanishes on an image.
OKABE_ITO = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#999999",
)

# Each next colour is the farthest (CIEDE2000) from all before it and from black, white and dark
# grey, among those of CIELAB lightness 35 to 92 and chroma above 15, in the manner of Glasbey,
# van der Heijden, Toh and Gray 2007, doi:10.1002/col.20327.
_BEYOND_EIGHT = (
    "#8700E7",
    "#B70038",
    "#00FF70",
    "#787000",
    "#00FFF7",
    "#F7DFFF",
    "#FFAF97",
    "#106028",
    "#8F80FF",
    "#BFD7B7",
    "#784870",
    "#78AF00",
    "#784818",
    "#007070",
    "#FF4850",
    "#977068",
    "#EF00FF",
    "#F7DFBF",
    "#807897",
    "#009FA7",
    "#BFEFFF",
    "#687860",
    "#A79760",
    "#485097",
    "#D70087",
    "#AFBFFF",
    "#DF9FFF",
    "#AF2800",
    "#288700",
    "#48D7A7",
    "#A77000",
    "#FFAFC7",
    "#AFFF00",
    "#786850",
    "#9F58B7",
    "#809F8F",
    "#784848",
    "#BF9797",
    "#B7A7C7",
    "#4858FF",
    "#FF8F40",
    "#80C7C7",
    "#508FF7",
    "#305868",
    "#50808F",
    "#BF5868",
    "#9FD778",
    "#505820",
    "#97008F",
    "#B7AF18",
    "#BF8768",
    "#00BF50",
    "#FF788F",
    "#788F50",
    "#CFC787",
    "#DFAF80",
)

PALETTE = (*OKABE_ITO, *_BEYOND_EIGHT)
"""64 colours; a shorter list of groups uses the first of them, so that colours never move."""


def group_colours(count: int) -> tuple[str, ...]:
    """Return ``count`` colours as ``"#RRGGBB"``; they repeat after 64.

    Examples
    --------
    >>> group_colours(2)
    ('#E69F00', '#56B4E9')
    """
    return tuple(islice(cycle(PALETTE), count))
