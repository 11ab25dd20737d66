from __future__ import annotations

import pytest
from qtpy.QtWidgets import QApplication, QToolButton

from napari_splicer.gui.session import Session
from napari_splicer.gui.snapshot import Notice
from napari_splicer.gui.widgets.notice_line import NoticeLine


@pytest.fixture
def line(qtbot) -> NoticeLine:
    made = NoticeLine(Session())
    qtbot.addWidget(made)
    return made


def test_a_sentence_and_its_details_on_request(line) -> None:
    assert not line.isVisible()
    line._session.notice = Notice("error", "It broke.", "train", "Traceback: here")
    assert line.isVisible()
    assert line.words.text() == "✕ It broke."
    assert not line.details.isVisible()
    line.unfold.click()
    assert line.details.isVisible()
    assert line.details.toPlainText() == "Traceback: here"
    line.copy_button.click()
    assert QApplication.clipboard().text() == "It broke.\n\nTraceback: here"
    line._session.notice = Notice("error", "Again.", "train", "Other")
    assert not line.details.isVisible()


def test_what_has_no_details_offers_none(line) -> None:
    line._session.notice = Notice("info", "Done.")
    assert not line.unfold.isVisible()
    line.findChild(QToolButton).click()
    assert line._session.notice is None
    assert not line.isVisible()
