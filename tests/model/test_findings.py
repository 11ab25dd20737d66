"""Which numbers are worth a word, and whom it names."""

from __future__ import annotations

import numpy as np
import pytest

from napari_splicer.config import Component, Region
from napari_splicer.model.diagnostics import Alignment, Diagnostics, Part
from napari_splicer.model.findings import findings, margin, too_early
from napari_splicer.quality import shuffled_alignment

NAMES = ("nuclei", "T cells", "stroma", "noise")
COMPONENTS = [Component(name=name, channels=("DNA",), region=Region(kind="cell")) for name in NAMES]


def part(name="whole", rank=6.0, width=16):
    return Part(name=name, width=width, rank=rank, r2=(0.5,))


def square(pairs, otherwise):
    values = {frozenset(pair): value for *pair, value in pairs}
    return [
        [1.0 if a == b else values.get(frozenset((a, b)), otherwise) for b in NAMES] for a in NAMES
    ]


def diagnostics(ranks=(), staining=(), similar=(), shown=(), **changes):
    ranks, staining = dict(ranks), dict(staining)
    values = {
        "date": "2026-01-02T03:04:05+00:00",
        "steps": 400,
        "images": ("slide",),
        "trained": 1000,
        "patches": 512,
        "markers": ("DNA",),
        "representation": part(),
        "chunks": [part(name, ranks.get(name, 6.0)) for name in NAMES],
        "similarity": square(similar, 0.2),
        "counterparts": square(shown or similar, 0.1),
        "alignments": [
            Alignment(name=name, own=own, shuffled=shuffled)
            for name, (own, shuffled) in {
                name: staining.get(name, (0.85, 0.5)) for name in NAMES
            }.items()
        ],
    }
    return Diagnostics(**values | changes)


def kinds(found):
    return [(finding.kind, finding.components) for finding in found]


def test_nothing_is_said_of_a_sound_model():
    assert findings(diagnostics(), COMPONENTS) == ()
    assert too_early(diagnostics()) == ""


def test_a_collapsed_chunk_is_named():
    (found,) = findings(diagnostics(ranks={"stroma": 1.2}), COMPONENTS)
    assert kinds([found]) == [("collapsed", ("stroma",))]
    assert "'stroma' has collapsed" in found.message
    assert "merge it" in found.advice


def test_a_narrow_chunk_can_have_no_high_rank():
    chunks = [part(name, 1.9, width=2) for name in NAMES]
    assert findings(diagnostics(chunks=chunks), COMPONENTS) == ()
    chunks[0] = part("nuclei", 1.1, width=2)
    found = findings(diagnostics(chunks=chunks), COMPONENTS)
    assert kinds(found) == [("collapsed", ("nuclei",))]
    single = [part(name, 1.0, width=1) for name in NAMES]
    assert findings(diagnostics(chunks=single), COMPONENTS) == ()


def test_a_component_that_tells_nothing_is_named():
    (found,) = findings(diagnostics(staining={"noise": (0.51, 0.5)}), COMPONENTS)
    assert kinds([found]) == [("uninformative", ("noise",))]
    assert "'noise' is uninformative" in found.message
    assert "Drop" in found.advice
    assert "merge" in found.advice


def test_a_component_that_shows_its_outline_alone_is_named():
    (found,) = findings(diagnostics(staining={"noise": (0.72, 0.71)}), COMPONENTS)
    assert kinds([found]) == [("outline", ("noise",))]
    assert "outline of its region (this cell)" in found.message


def test_where_staining_adds_to_the_outline_all_is_well():
    assert findings(diagnostics(staining={"nuclei": (0.84, 0.61)}), COMPONENTS) == ()


def test_components_alike_are_one_finding():
    similar = [("nuclei", "stroma", 0.97), ("nuclei", "noise", 0.95), ("stroma", "noise", 0.99)]
    (found,) = findings(diagnostics(similar=similar), COMPONENTS)
    assert kinds([found]) == [("repeated", ("nuclei", "stroma", "noise"))]
    assert "'nuclei', 'stroma' and 'noise' say the same (similarity 0.95" in found.message
    assert "Merge" in found.advice


def test_who_is_to_be_dropped_is_not_to_be_merged():
    found = findings(
        diagnostics(
            staining={"noise": (0.72, 0.71), "stroma": (0.71, 0.72)},
            similar=[("stroma", "noise", 1.0)],
        ),
        COMPONENTS,
    )
    assert kinds(found) == [("outline", ("stroma",)), ("outline", ("noise",))]


def test_chunks_alike_of_different_components_are_the_losss_fault():
    similar = [("nuclei", "stroma", 0.97), ("nuclei", "T cells", 0.96)]
    (found,) = findings(diagnostics(similar=similar, shown=[("nuclei", "stroma", 0.2)]), COMPONENTS)
    assert kinds([found]) == [("mingled", ("nuclei", "T cells", "stroma"))]
    assert "though their components do" in found.message
    assert "model.decorrelation" in found.advice


def test_components_that_repeat_each_other_do_so_in_chunks_kept_apart():
    shown, similar = [("nuclei", "stroma", 0.95)], [("nuclei", "stroma", 0.7)]
    found = findings(diagnostics(similar=similar, shown=shown), COMPONENTS)
    assert kinds(found) == [("repeated", ("nuclei", "stroma"))]


def test_a_constant_chunk_is_like_no_other():
    rows = [[1.0, None, 0.2, 0.2], [None, None, None, None], *[[0.2, None, 0.2, 0.2]] * 2]
    assert findings(diagnostics(similarity=rows), COMPONENTS) == ()


def test_a_network_that_learned_nothing_blames_no_component():
    (found,) = findings(diagnostics(staining=dict.fromkeys(NAMES, (0.5, 0.5))), COMPONENTS)
    assert found.kind == "untrained"
    assert "Train longer" in found.advice


def test_without_components_the_whole_is_judged():
    def je(own):
        pair = [Alignment(name="whole", own=own, shuffled=0.5)]
        return diagnostics(chunks=[], similarity=[], counterparts=[], alignments=pair)

    assert findings(je(0.98), COMPONENTS) == ()
    assert kinds(findings(je(0.51), COMPONENTS)) == [("untrained", ())]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"steps": 12}, "12 training steps"), ({"patches": 20}, "20 were looked at")],
)
def test_too_early_to_judge(changes, reason):
    numbers = diagnostics(ranks={"stroma": 1.0}, **changes)
    assert findings(numbers, COMPONENTS) == ()
    assert reason in too_early(numbers)


def test_chance_moves_few_patches_more():
    assert margin(512) == pytest.approx(0.054, abs=1e-3)
    random = np.random.default_rng(0)
    differences = [
        shuffled_alignment(*random.normal(size=(2, 60, 4)))
        - shuffled_alignment(*random.normal(size=(2, 60, 4)))
        for _ in range(200)
    ]
    assert np.mean(np.abs(differences) < margin(60)) > 0.98
