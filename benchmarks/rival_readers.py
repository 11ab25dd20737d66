"""Rivals that cut out cells, each in a Python of its own: started, timed by itself, and checked."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from results import BUILD

if TYPE_CHECKING:
    from napari_splicer.images.masks import MaskedImage

SCRIPTS = Path(__file__).parent / "rivals"


class Rival(NamedTuple):
    """A script of ``rivals/`` and the Python that runs it."""

    script: str
    python: Path

    def rates(self, folder: Path, field: MaskedImage, size: int) -> dict[str, float]:
        """Return cells per second of one run, by what was measured; check what was cut out."""
        found = BUILD / "rivals" / f"{self.script}-{size}"
        found.mkdir(parents=True, exist_ok=True)
        command = [str(self.python), str(SCRIPTS / f"{self.script}.py")]
        subprocess.run(
            [*command, str(folder.absolute()), str(size), str(found.absolute())],
            check=True,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            stdout=subprocess.DEVNULL,
        )
        result = json.loads((found / "result.json").read_text(encoding="utf-8"))
        check_count(result["name"], result["cells"], field, size)
        check_pixels(result["name"], found / "some.npz", field, size)
        return {
            f"{result['name']}, {what}": result["cells"] / seconds
            for what, seconds in result["seconds"].items()
        }


def check_count(name: str, cells: int, field: MaskedImage, size: int) -> None:
    """Refuse a rival that left out cells whose patches lie inside the image."""
    height, width = field.image.shape
    y, x = centres(field).T
    far = (np.minimum(y, x) > size / 2) & (y < height - size / 2) & (x < width - size / 2)
    if not far.sum() <= cells <= len(far):
        raise SystemExit(f"{name} cut out {cells} cells; {far.sum()} to {len(far)} were expected.")


def check_pixels(name: str, path: Path, field: MaskedImage, size: int) -> None:
    """Refuse a rival whose patches are not the image's pixels, times its weights if it has any."""
    assert field.cells is not None
    place = dict(zip(field.cells.cells()["id"], centres(field), strict=True))
    with np.load(path) as some:
        ids, pixels = some["ids"], some["pixels"]
        weights = np.broadcast_to(some["weights"], pixels.shape)
    for cell, found, weight in zip(ids.tolist(), pixels, weights, strict=True):
        y, x = (int(centre) - size // 2 for centre in np.rint(place[cell]))
        expected = field.image.read(y, y + size, x, x + size) * weight
        if not np.allclose(found, expected, rtol=2e-3, atol=0.05):
            raise SystemExit(f"{name} gives other pixels for cell {cell} than the image has.")


def centres(field: MaskedImage) -> np.ndarray:
    """Return the cells' centres (n, 2) in pixels, (y, x)."""
    assert field.cells is not None
    return field.cells.cells()[["y", "x"]].to_numpy()
