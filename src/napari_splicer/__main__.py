"""``python -m napari_splicer`` is the command ``napari-splicer``."""

from __future__ import annotations

from napari_splicer.cli import main

if __name__ == "__main__":
    main()
