"""Training in a process of its own, asked for by a script without an ``if __name__`` of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """
import sys
from pathlib import Path
from napari_splicer import pipeline, synthetic_tissue
from napari_splicer.config import Component, RunConfig

runs = Path(sys.argv[1])
runs.write_text(runs.read_text() + "run " if runs.exists() else "run ")
config = RunConfig(components=(Component(name="nucleus", channels=("DNA",)),)).with_values(
    {"own_process": True, "training.steps": 2, "training.batch": 4, "threads": 1}
    | {"model.width": 4, "model.embedding": 8, "model.hidden": 8, "patches.size": 16}
)
bundle = pipeline.run(pipeline.train([synthetic_tissue(size=96).field], config), show=None)
print(bundle.channels)
"""


@pytest.mark.slow
def test_the_script_is_not_run_by_the_process_too(tmp_path: Path) -> None:
    script, runs = tmp_path / "script.py", tmp_path / "runs"
    script.write_text(_SCRIPT)
    ended = subprocess.run(
        [sys.executable, script, runs], timeout=240, check=False, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert "DNA" in ended.stdout
    assert runs.read_text() == "run "
