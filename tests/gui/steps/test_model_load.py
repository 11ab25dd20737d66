"""Models from files, addresses and the list of recent ones; a real server on this computer."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QToolButton
from web import web

from napari_splicer import pipeline
from napari_splicer.gui.recent_models import note_model, recent_models
from napari_splicer.gui.saving import save_model
from napari_splicer.gui.steps.model_load import LoadPanel
from napari_splicer.model.bundle import load_bundle

COMPONENTS = ["immune", "around"]


@pytest.fixture
def bundle(session):
    snapshot = session.snapshot()
    return pipeline.run(pipeline.train(snapshot.fields(), snapshot.config))


@pytest.fixture
def panel(session, qtbot) -> LoadPanel:
    made = LoadPanel(session)
    qtbot.addWidget(made)
    made.show()
    return made


def loaded(session, qtbot) -> None:
    qtbot.waitUntil(lambda: session.bundle is not None, timeout=30_000)
    assert [component.name for component in session.components] == COMPONENTS


def test_a_saved_zip_file_is_loaded_and_listed(panel, session, bundle, tmp_path, qtbot) -> None:
    place, report = save_model(bundle, tmp_path / "tonsil.zip")
    assert (place.is_file(), report.name) == (True, "tonsil-report.html")
    panel.recent.refresh()
    (button,) = panel.recent.buttons
    assert button.text().startswith("tonsil\n2 components · 4 ch · today")
    session.components = ()
    button.click()
    loaded(session, qtbot)
    assert session.set_up.next_undo == "Use a trained model"
    session.set_up.undo()
    assert session.components == ()
    assert session.bundle is None
    assert panel.message.text() == "A model brings its own components and channels."
    session.set_up.redo()
    assert session.bundle.hash == bundle.hash
    assert "All of the model's channels" in panel.message.text()


def test_the_list_is_looked_at_whenever_the_panel_is_opened(panel, tmp_path) -> None:
    panel.hide()
    note_model(str(tmp_path), ["T"], ["CD3"])
    panel.show()
    assert panel.recent.isVisible()
    assert len(panel.recent.buttons) == 1


def test_an_address_is_fetched_and_comes_back_from_the_list(
    panel, session, bundle, tmp_path, qtbot
) -> None:
    assert not panel.fetch_button.isEnabled()
    assert "first" in panel.fetch_button.toolTip()
    with web() as server:
        server.files["/t.zip"] = save_model(bundle, tmp_path / "t.zip")[0].read_bytes()
        panel.address.setText(f"{server.address}/t.zip")
        panel.fetch_button.click()
        loaded(session, qtbot)
    assert recent_models()[0].source == panel.address.text()
    session.bundle = None
    panel.recent.buttons[0].click()  # the server is gone
    loaded(session, qtbot)


def test_a_download_can_be_stopped(panel, session, qtbot) -> None:
    with web() as server:
        server.files["/t.zip"], server.delay = bytes(2**22), 0.1
        panel.load(f"{server.address}/t.zip")
        qtbot.waitUntil(lambda: 0 < panel.bar.value() < 1000, timeout=30_000)
        assert panel.message.text() == "Downloading …"
        panel.stop_button.click()
        assert panel.message.text().startswith("Stopped.")
        assert not panel.bar.isVisible()
        qtbot.waitUntil(lambda: not panel._loading.busy, timeout=5_000)
    assert session.bundle is None
    assert recent_models() == ()


def test_what_can_not_be_fetched_is_told(panel, qtbot) -> None:
    panel.load("http://example.org/t.zip")
    qtbot.waitUntil(lambda: "not a safe address" in panel.message.text(), timeout=30_000)
    assert not panel.bar.isVisible()


def test_one_that_is_gone_is_told_and_taken_off_the_list(panel, tmp_path) -> None:
    note_model(str(tmp_path / "gone"), ["T"], ["CD3"])
    panel.recent.refresh()
    (button,) = panel.recent.buttons
    assert not button.isEnabled()
    assert "not found any more" in button.text()
    assert str(tmp_path / "gone") in button.toolTip()
    panel.recent.findChild(QToolButton).click()
    assert panel.recent.buttons == []
    assert not panel.recent.isVisible()


def test_a_folder_without_ending_is_a_folder(bundle, tmp_path) -> None:
    place, _ = save_model(bundle, tmp_path / "model")
    assert load_bundle(place).hash == bundle.hash
