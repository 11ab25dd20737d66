"""Cards to choose from can be read, however narrow they are."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_splicer.gui.widgets.choice_card import ChoiceCard


def test_a_title_that_wraps_as_the_card_is_first_shown_has_room(qtbot) -> None:
    card = ChoiceCard("Use a trained model", "a file", "")
    qtbot.addWidget(card)
    card.resize(card._title.sizeHint().width() - 10, 20)
    with qtbot.waitExposed(card):
        card.show()
    assert card._title.heightForWidth(card._title.width()) > card._note.height()
    assert card._title.height() >= card._title.heightForWidth(card._title.width())


def test_cards_beside_each_other_are_equally_high(qtbot) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    column, line = QVBoxLayout(page), QHBoxLayout()
    cards = [ChoiceCard("Short", "a file", ""), ChoiceCard("One with a long title", "a file", "")]
    for card in cards:
        line.addWidget(card)
    column.addLayout(line)
    column.addStretch()
    page.resize(cards[1]._title.sizeHint().width() * 2, 400)
    with qtbot.waitExposed(page):
        page.show()
    assert (
        cards[1]._title.heightForWidth(cards[1]._title.width()) > cards[0]._note.sizeHint().height()
    )
    assert cards[0].height() == cards[1].height() < 100
