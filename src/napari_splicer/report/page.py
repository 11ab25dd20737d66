"""The page: what was found first, then what it rests on, then how the model was made."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias

from napari_splicer.model.findings import findings, too_early
from napari_splicer.report import sections
from napari_splicer.report.curves import curves
from napari_splicer.report.elements import as_html, element

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from napari_splicer.model.bundle import Bundle
    from napari_splicer.model.record import BundleRecord

    Model: TypeAlias = Bundle | BundleRecord

_NOTHING_FROM_OUTSIDE = "default-src 'none'; style-src 'unsafe-inline'"


def report_page(model: Model, name: str) -> str:
    """Return the whole page as HTML.

    Parameters
    ----------
    model : Bundle or BundleRecord
    name : str
        Of the model, for the title.
    """
    style = files("napari_splicer.report").joinpath("style.css").read_text(encoding="utf-8")
    policy = element("meta", content=_NOTHING_FROM_OUTSIDE)
    policy.set("http-equiv", "Content-Security-Policy")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        policy,
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{name}: what the model learned"),
        element("style", style),
    )
    page = element("html", head, element("body", *_body(model, name)), lang="en")
    return f"<!DOCTYPE html>\n{as_html(page)}\n"


def _body(model: Model, name: str) -> Iterator[Element]:
    found = model.diagnostics
    components = model.decomposition.components
    yield sections.header(model, name)
    if found is None:
        yield sections.without_numbers()
    else:
        yield sections.verdict(findings(found, components), too_early(found))
    yield sections.training(model)
    yield sections.components(model)
    if (drawing := curves(model.history)) is not None:
        yield sections.titled("Training curves", sections.CURVES, drawing)
    if found is not None:
        yield sections.ranks(found)
        if found.alignments:
            yield sections.alignments(found)
        yield sections.markers(found)
        if len(found.chunks) > 1:
            yield sections.similarity(found)
    yield sections.settings(model)
