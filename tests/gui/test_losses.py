from __future__ import annotations

import pytest
from qtpy.QtWidgets import QComboBox

from napari_splicer.gui.jobs import JobRunner
from napari_splicer.gui.losses import GROUP, OWN, offered_losses
from napari_splicer.gui.steps.model_train import TrainPanel
from napari_splicer.model.losses import registry


@pytest.fixture
def brought(tmp_path, monkeypatch) -> None:
    """A package installed beside this one that brings losses, one under a name of ours."""
    about = tmp_path / "their_losses-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their-losses\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[napari_splicer.losses]\nsquared = their_losses:squared\nbyol = their_losses:byol\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


def test_what_is_offered_is_what_there_is() -> None:
    assert set(OWN) == set(registry.LOSSES)
    assert GROUP == registry.ENTRY_POINTS


def test_losses_of_other_packages_are_offered_with_their_origin(brought) -> None:
    offered = offered_losses()
    assert offered["squared"] == "squared (from their-losses)"
    assert offered["byol"] == "BYOL"  # training takes ours, too


def test_one_of_them_can_be_chosen(brought, session, qtbot) -> None:
    panel = TrainPanel(JobRunner(session))
    qtbot.addWidget(panel)
    box = next(box for box in panel.findChildren(QComboBox) if box.findData("vicreg") >= 0)
    box.setCurrentIndex(box.findData("squared"))
    box.activated.emit(box.currentIndex())
    assert session.settings.model.loss == "squared"


def test_a_loss_of_a_run_file_that_is_not_there_is_shown_as_it_is(session, qtbot) -> None:
    panel = TrainPanel(JobRunner(session))
    qtbot.addWidget(panel)
    session.settings = session.settings.with_values({"model.loss": "elsewhere"})
    box = next(box for box in panel.findChildren(QComboBox) if box.findData("vicreg") >= 0)
    assert box.currentText() == "elsewhere"
