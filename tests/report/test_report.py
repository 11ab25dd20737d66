"""The report as a reader gets it: complete, self-contained, and safe whatever things are called."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component, ModelSettings, Region, RunConfig
from napari_splicer.errors import WouldOverwrite
from napari_splicer.model import findings
from napari_splicer.model.bundle import Bundle, inspect_bundle, save_bundle
from napari_splicer.model.diagnostics import Alignment, Diagnostics, Part
from napari_splicer.model.objectives import build_network
from napari_splicer.patches.normalization import Normalization
from napari_splicer.report import sections
from napari_splicer.report.elements import as_html
from napari_splicer.report.heat_map import heat_map
from napari_splicer.report.page import report_page
from napari_splicer.report.write import write_report

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;$\\frac{'
VOID = {"meta", "img", "br", "link", "input"}


class Seen(HTMLParser):
    """Which tags and attributes a page has, and whether its tags are balanced."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.open, self.text = set(), [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def make_bundle(names=("epithelium", "T cells"), channels=("PanCK", "CD3"), **changes):
    components = tuple(
        Component(name=name, channels=(channel,), region=Region(kind="cell"))
        for name, channel in zip(names, channels, strict=True)
    )
    config = RunConfig(
        components=components,
        output="/somewhere/secret",
        inputs=({"image": "/somewhere/secret/slide.tif"},),
        model=ModelSettings(width=4, embedding=8, hidden=8),
        **changes.pop("config", {}),
    ).with_values({"training.steps": 400})
    chunks = [Part(name=name, width=4, rank=3.2, r2=(0.91, None)) for name in names]
    values = {
        "date": "2026-01-02T03:04:05+00:00",
        "steps": 300,
        "images": ("slide 1",),
        "trained": 1234,
        "patches": 512,
        "markers": channels,
        "representation": Part(name="whole", width=16, rank=7.7, r2=(0.95, -0.001)),
        "chunks": chunks,
        "similarity": [[1.0, 0.31], [0.31, 1.0]],
        "counterparts": [[1.0, 0.27], [0.27, 1.0]],
        "alignments": [
            Alignment(name=names[0], own=0.88, shuffled=0.52),
            Alignment(name=names[1], own=0.71, shuffled=0.7),
        ],
    }
    losses = {f"loss/{name}": [(1, 2.0), (300, 1.0)] for name in names}
    ranks = {f"rankme/{name}": [(300, 3.2)] for name in names}
    return Bundle(
        network=build_network(config.model, Decomposition(components), channels, 32).eval(),
        decomposition=Decomposition(components),
        channels=channels,
        normalization=Normalization(channels, (0.1, 0.0), (7.25, 3.5), 5.0),
        config=config,
        history={"loss": [(1, 3.5), (300, 2.5)], "rankme": [(300, 7.7)], **losses, **ranks},
        diagnostics=Diagnostics(**values | changes.pop("diagnostics", {})),
        **changes,
    )


def test_it_holds_what_was_promised():
    bundle = make_bundle(notes="for the lung paper", licence="CC BY 4.0")
    words = Seen(report_page(bundle, "lung")).words
    for promised in (
        "lung",
        "2026-01-02 03:04:05 UTC",
        bundle.hash,
        f"torch {bundle.versions['torch']}",
        "for the lung paper",
        "CC BY 4.0",
        "slide 1",
        "1,234 (one for each cell), 32 × 32 pixels",
        "300 of 400 planned",
        "2: PanCK, CD3",
        "this cell",
        "learning_rate",
        "'T cells' tells the outline of its region",
        "Drop this component",
        "Training curves",
        "7.7 of 16",
        "0.91",
        "Next to nothing (R² below 0.1) is known of CD3.",
        "0.31",
        "0.27",
        "0.88 0.52 yes",
        "0.71 0.70 no",
    ):
        assert promised in words, promised
    assert words.index("What to look at") < words.index("What it was trained on")


def test_paths_stay_at_home():
    assert "secret" not in report_page(make_bundle(), "lung")


def test_nothing_comes_from_outside_and_nothing_runs():
    page = report_page(make_bundle(), "lung")
    seen = Seen(page)
    assert seen.tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base"})
    for tag, name, value in seen.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("href", "src"):
            assert value.startswith("#"), (tag, value)
    assert not re.search(r"url\((?!#)|@import|@font-face", page)
    assert "default-src 'none'" in page


def test_names_are_text_wherever_they_stand():
    names, channels = (EVIL, "T cells"), ("<b>PanCK</b>", "CD3' onload='x")
    bundle = make_bundle(
        names,
        channels,
        notes=EVIL,
        licence=EVIL,
        versions={EVIL: EVIL},
        diagnostics={"images": (EVIL,), "date": EVIL},
        config={"device": "cpu"},
    )
    plain, seen = Seen(report_page(make_bundle(), "lung")), Seen(report_page(bundle, EVIL))
    assert seen.tags == plain.tags
    assert {pair[:2] for pair in seen.attributes} == {pair[:2] for pair in plain.attributes}
    assert EVIL in seen.words
    assert "<b>PanCK</b>" in seen.words


def test_text_of_the_curves_is_text_in_the_pages_colour():
    page = report_page(make_bundle(), "lung")
    drawing = page[page.index("<svg") : page.index("<figcaption")]
    assert ">step<" in drawing
    assert "currentColor" in drawing
    assert "#010203" not in page
    assert report_page(make_bundle(), "lung") == page


def test_curves_of_many_components_are_told_apart():
    names = [f"c{i}" for i in range(14)]
    history = {f"loss/{name}": [(1, 1.0), (2, 0.5)] for name in names}
    bundle = make_bundle()
    bundle.history.update(history)
    legend = re.findall(
        r'<line [^>]*stroke="(.*?)" [^>]*dasharray="(.*?)"', report_page(bundle, "x")
    )
    assert len(legend) == len(set(legend)) == 16


def test_a_sound_model_is_called_so():
    alignments = [Alignment(name=name, own=0.9, shuffled=0.5) for name in ("epithelium", "T cells")]
    words = Seen(report_page(make_bundle(diagnostics={"alignments": alignments}), "lung")).words
    assert "Nothing stands out" in words
    assert "Too early" not in words


def test_an_early_model_is_not_judged():
    words = Seen(report_page(make_bundle(diagnostics={"steps": 5}), "lung")).words
    assert "Too early to judge the components: 5 training steps" in words
    assert "outline of its region" not in words


def test_a_model_without_numbers_or_curves_is_told_of_all_the_same(tmp_path):
    folder = save_bundle(make_bundle(), tmp_path / "model")
    record = inspect_bundle(folder).model_copy(update={"diagnostics": None, "history": {}})
    seen = Seen(report_page(record, "old"))
    assert "No diagnostics" in seen.words
    assert "epithelium" in seen.words
    assert "figure" not in seen.tags


def test_a_model_without_components():
    whole = [Alignment(name="whole", own=0.97, shuffled=0.5)]
    numbers = {"chunks": (), "similarity": (), "counterparts": (), "alignments": whole}
    bundle = make_bundle(diagnostics=numbers)
    config = bundle.config.with_values({"model.objective": "je"})
    page = report_page(inspected(bundle, config=config), "rival")
    words = Seen(page).words
    assert "Joint embedding" in words
    assert "its components were not looked at" in words
    assert "Do chunks repeat each other?" not in words
    assert "whole representation" in words


def inspected(bundle, **changes):
    return Bundle(**{**{k: v for k, v in vars(bundle).items() if k != "hash"}, **changes})


def test_it_is_named_after_its_folder_and_never_overwritten_unasked(tmp_path):
    folder = tmp_path / "my lung run"
    path = write_report(make_bundle(), folder / "report.html")
    assert "<h1>my lung run</h1>" in path.read_text(encoding="utf-8")
    with pytest.raises(WouldOverwrite, match=r"report\.html exists already"):
        write_report(make_bundle(), path)
    write_report(make_bundle(), path, overwrite=True, name="another")
    assert "<h1>another</h1>" in path.read_text(encoding="utf-8")
    assert [entry.name for entry in folder.iterdir()] == ["report.html"]


def test_many_chunks_fit_on_the_page():
    names = [f"c{i}" for i in range(41)]
    few = as_html(heat_map(names, names[:16], [[0.25] * 16] * 41))
    many = as_html(heat_map(names, names, [[0.25] * 40 + [-0.004]] * 41))
    assert 'class="heat"' in few
    assert ">0.25<" in few
    assert 'class="heat dense"' in many
    assert ">.25<" in many
    assert ">.00<" in many
    assert 'title="c0, c40: 0.00"' in many


def test_the_page_about_it_names_the_thresholds_that_hold():
    page = Path(__file__).parents[2] / "docs" / "report.md"
    said = " ".join(page.read_text(encoding="utf-8").split())
    repeated, different = f"{findings.REPEATED:g}", f"{findings.DIFFERENT:g}"
    fewest = findings.FEWEST_STEPS, findings.FEWEST_PATCHES
    for threshold in (
        f"(RankMe) is below {findings.COLLAPSED:g} ",
        f"is found in {100 * findings.OUTLINE:.0f} %",
        f"of {repeated} or more, and the other of the two of {different} or more",
        f"of {repeated} or more, of what the components show below {different}:",
        "fewer than {} steps, or fewer than {} patches".format(*fewest),
        f"three standard errors, {100 * findings.margin(512):.0f} % with 512 patches",
        f"R² below {sections.LOST:g} as",
    ):
        assert threshold in said
    assert findings.STANDARD_ERRORS == 3
