"""Python ends while a worker still writes, with nobody's event loop to wait for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

_SCRIPT = """
import sys, time
from pathlib import Path
from qtpy.QtWidgets import QApplication
from napari_splicer.events import Cancel, Finished, Started
from napari_splicer.files import write_text
from napari_splicer.gui.jobs import JobRunner
from napari_splicer.gui.session import Session
from napari_splicer.gui.snapshot import Snapshot

class Training:
    number, stage, inputs, cancel, follows = 0, "export", Snapshot(), Cancel(), False

    def events(self):
        yield Started("export")
        begun.append(1)
        while not self.cancel.requested:
            time.sleep(0.01)
        for _ in range(100):  # writes its checkpoint
            time.sleep(0.01)
        write_text(Path(sys.argv[1]), "kept")
        yield Finished("export", cancelled=True)

app, begun = QApplication([]), []
runner = JobRunner(Session())
assert runner.start(Training())
while not begun:
    app.processEvents()
"""


@pytest.mark.gui
def test_a_worker_keeps_what_it_did_when_python_ends_without_an_event_loop(tmp_path) -> None:
    kept = tmp_path / "kept"
    ended = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(kept)], timeout=120, check=False, capture_output=True
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert kept.read_text() == "kept"
