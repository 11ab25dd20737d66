"""Names that a group of cells can't have."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def refusal(name: str, taken: Collection[str]) -> str:
    """Say why a group can't be called ``name``; empty if it can.

    Examples
    --------
    >>> refusal("T cells", {"B cells"})
    ''
    >>> refusal("B cells", {"B cells"})
    'There is a group B cells already.'
    """
    if name in taken:
        return f"There is a group {name} already."
    if _reads_as_missing(name):
        return (
            f"A group can't be called {name}: whoever opens the exported table would find no value "
            "there. Call it e.g. unknown or not assigned."
        )
    return ""


def _reads_as_missing(name: str) -> bool:
    """Return whether readers of tables take the name for a missing value, as they do with NA."""
    import pandas as pd

    text = pd.DataFrame({"group": [name]}).to_csv(index=False)
    return bool(pd.read_csv(StringIO(text))["group"].isna().any())
