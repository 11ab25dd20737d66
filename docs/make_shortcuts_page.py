"""Write the tables of docs/shortcuts.md from the shortcuts themselves: run it after changing one.

python docs/make_shortcuts_page.py
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from napari_splicer.gui.shortcuts import SHORTCUTS

PAGE = Path(__file__).with_name("shortcuts.md")
INTRO = """\
# Keyboard and mouse

The same list opens in napari with the **?** at the top of the SpliCER dock, or with the key ?.
Keys act on what has the focus: click into the SpliCER dock or the Explorer first. On a Mac, Ctrl is
the Command key, and Alt is Option. napari lists its own with Ctrl+Alt+/.
"""


def page() -> str:
    """Return docs/shortcuts.md."""
    parts = [INTRO]
    for where, shortcuts in groupby(SHORTCUTS, key=lambda each: each.where):
        rows = [f"| {each.usual} | {each.does} |" for each in shortcuts]
        parts.append(
            "\n".join([f"## {where}\n", "| keys, mouse | what happens |", "|---|---|", *rows])
        )
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
