"""Colours that painted widgets share with napari's theme; style sheets do not reach painters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Theme:
    """Background, text and lines as ``"#rrggbb"``; the default is napari's dark theme.

    ``line`` is for frames and grids, ``accent`` for what is selected or under the mouse.
    """

    background: str = "#23242b"
    text: str = "#f0f1f2"
    line: str = "#565f6c"
    accent: str = "#ffffff"
    is_dark: bool = True


DARK = Theme()
LIGHT = Theme(background="#ebe7e6", text="#1e1e21", line="#b4b2af", accent="#000000", is_dark=False)
