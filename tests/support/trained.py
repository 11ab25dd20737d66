"""What tests of training share: picking events, stopping at a step, comparing models."""

from __future__ import annotations

import torch

from napari_splicer.events import Cancel, Progress


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def stop_after(step, events):
    """Drain ``events``; ask to stop once ``step`` is done."""
    cancel, seen = Cancel(), []
    for event in events(cancel):
        seen.append(event)
        if isinstance(event, Progress) and event.unit == "steps" and event.done == step:
            cancel.request()
    return seen


def same(one, other):
    a, b = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(a[name], b[name]) for name in a)
