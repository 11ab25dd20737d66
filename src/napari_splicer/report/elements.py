"""HTML as a tree of elements, so that no text from outside can become markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias
from xml.etree.ElementTree import Element, tostring

if TYPE_CHECKING:
    from collections.abc import Iterable

Content: TypeAlias = "str | Element"


def element(tag: str, *contents: Content, **attributes: str) -> Element:
    """Return an element; a trailing ``_`` of an attribute is for Python's own words.

    Examples
    --------
    >>> as_html(element("p", "CD3 ", element("b", "<CD8>"), class_="note"))
    '<p class="note">CD3 <b>&lt;CD8&gt;</b></p>'
    """
    made = Element(tag, {name.rstrip("_"): value for name, value in attributes.items()})
    last: Element | None = None
    for content in contents:
        if isinstance(content, Element):
            made.append(content)
            last = content
        elif last is None:
            made.text = (made.text or "") + content
        else:
            last.tail = (last.tail or "") + content
    return made


def table(head: Iterable[Content], rows: Iterable[Iterable[Content]], kind: str = "") -> Element:
    """Return a table; the first cell of every row is its name."""
    body = [
        element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in rest))
        for first, *rest in rows
    ]
    titles = element("tr", *(element("th", title, scope="col") for title in head))
    whole = element("table", element("thead", titles), element("tbody", *body), class_=kind)
    return element("div", whole, class_="wide")


def as_html(made: Element) -> str:
    """Return an element as text."""
    return tostring(made, encoding="unicode", method="html")
