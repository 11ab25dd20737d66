"""Numbers from 0 to 1 as a table of shades, with the number in each cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.report.elements import element

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element


ROOMY = 16
"""Columns that fit on a page with all digits; more of them are set small."""


def heat_map(
    rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float | None]]
) -> Element:
    """Return a table (row, column) of shades; None is left blank.

    Parameters
    ----------
    rows, columns : sequence of str
        Names, written out whole.
    values : sequence of sequence of float or None
        Shades go from 0 or less to 1.

    Examples
    --------
    >>> from napari_splicer.report.elements import as_html
    >>> "0.93" in as_html(heat_map(["CD3"], ["lineage"], [[0.93]]))
    True
    """
    dense = len(columns) > ROOMY
    titles = [element("th", element("span", name), scope="col") for name in columns]
    head = element("thead", element("tr", element("td"), *titles))
    body = [
        element(
            "tr",
            element("th", name, scope="row"),
            *(
                _cell(name, column, value, dense)
                for column, value in zip(columns, row, strict=True)
            ),
        )
        for name, row in zip(rows, values, strict=True)
    ]
    whole = element(
        "table", head, element("tbody", *body), class_="heat dense" if dense else "heat"
    )
    return element("div", whole, class_="wide")


def _cell(row: str, column: str, value: float | None, dense: bool) -> Element:
    if value is None:
        return element("td", "–", title=f"{row}, {column}: the same in all patches")
    shade = min(max(value, 0.0), 1.0)
    told = f"{value:z.2f}"
    return element(
        "td",
        told.replace("0.", ".") if dense else told,
        style=f"--shade:{shade:.2f}",
        title=f"{row}, {column}: {told}",
    )
