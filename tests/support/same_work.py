"""Whether two windows hold the same work."""

from __future__ import annotations

import numpy as np

from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.reading import is_own


def journey(window):
    steps = resolve(window.session.snapshot()).steps
    return {name: (state.status, state.summary) for name, state in steps.items()}


def layers(window) -> list[str]:
    """Names of the person's layers; the plugin's own are painted where Qt runs already."""
    return [layer.name for layer in window.link.layers if not is_own(layer)]


def same_work(one, other) -> None:
    a, b = one.session, other.session
    assert journey(one) == journey(other)
    assert a.image.channels == b.image.channels
    assert a.components == b.components
    assert a.settings == b.settings
    assert a.colours == b.colours
    assert a.clusterings == b.clusterings
    assert (a.clustering, a.colour_by, a.opacity) == (b.clustering, b.colour_by, b.opacity)
    assert a.groups == b.groups
    np.testing.assert_array_equal(a.selection, b.selection)
    np.testing.assert_array_equal(a.ids(), b.ids())
    assert layers(one) == layers(other)
