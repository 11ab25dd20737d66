from __future__ import annotations

import pytest
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox, QWidget

from napari_splicer.config import RunConfig
from napari_splicer.gui.jobs import JobRunner
from napari_splicer.gui.steps.model_train import TrainPanel

KEYS = (
    "model.encoder",
    "model.width",
    "model.branch_width",
    "model.decorrelation",
    "model.consistency",
    "model.shared",
    "model.temperature",
    "training.patience",
    "training.ema",
    "training.component_dropout",
    "normalization.scope",
)


@pytest.fixture
def boxes(session, qtbot) -> dict[str, QWidget]:
    """The widgets for experts, by the names that run files have for them."""
    panel = TrainPanel(JobRunner(session))
    qtbot.addWidget(panel)
    found = {}
    for kind in (QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox):
        for box in panel.findChildren(kind):
            for line in box.toolTip().splitlines():
                if line.startswith("In run files: "):
                    found[line.removeprefix("In run files: ")] = box
    found["panel"] = panel
    return found


def value(session, key: str) -> object:
    section, name = key.split(".")
    return getattr(getattr(session.settings, section), name)


def changed(session, key: str, to: object) -> None:
    session.settings = session.settings.with_values({key: to})


def test_what_run_files_and_advice_name_is_found(boxes) -> None:
    assert set(KEYS) <= set(boxes)


def test_showing_settings_changes_none(boxes, session, small_settings) -> None:
    before = session.settings
    odd = {
        "model.decorrelation": 0.12345,
        "training.ema": 0.99995,
        "training.component_dropout": 1 / 3,
        "model.branch_width": 4,
        "model.encoder": "timm:resnet18",
    }
    session.settings = before.with_values(odd)
    assert session.settings == before.with_values(odd)
    assert boxes["model.encoder"].text() == "timm:resnet18"


@pytest.mark.parametrize(
    ("key", "shown", "typed"),
    [
        ("model.decorrelation", 1.5, 0.0),
        ("model.consistency", 0.5, 2.0),
        ("model.temperature", 0.1, 0.3),
        ("training.ema", 0.999, 0.99),
        ("training.patience", 3, 5),
        ("model.width", 8, 16),
        ("model.branch_width", 8, 12),
        ("model.shared", 4, 2),
    ],
)
def test_numbers_are_two_way(boxes, session, key, shown, typed) -> None:
    changed(session, key, shown)
    assert boxes[key].value() == shown
    boxes[key].setValue(typed)
    assert value(session, key) == typed


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("model.decorrelation", "by the loss"),
        ("training.component_dropout", "as needed"),
    ],
)
def test_nothing_and_left_open_are_two_things(boxes, session, key, words) -> None:
    box = boxes[key]
    assert box.text() == words
    box.stepUp()
    assert value(session, key) == 0.0
    assert box.value() == 0
    box.stepUp()
    assert value(session, key) > 0
    box.setValue(box.minimum() / 2)
    assert value(session, key) is None
    assert box.text() == words


def test_no_patience_and_no_average_are_said_in_words(boxes, session) -> None:
    assert boxes["training.patience"].text() == "never"
    assert boxes["training.ema"].text() == "not taken"
    changed(session, "training.patience", 2)
    boxes["training.patience"].setValue(0)
    assert session.settings.training == RunConfig().training.model_copy(
        update={"steps": 4, "batch": 16}
    )


def test_a_left_out_component_is_told_in_percent(boxes, session) -> None:
    changed(session, "training.component_dropout", 0.2)
    assert boxes["training.component_dropout"].text() == "20.0 %"
    boxes["training.component_dropout"].setValue(15)
    assert session.settings.training.component_dropout == 0.15


def test_images_can_be_scaled_each_by_itself(boxes, session) -> None:
    box = boxes["normalization.scope"]
    box.setCurrentIndex(box.findData("image"))
    box.activated.emit(box.currentIndex())
    assert session.settings.normalization.scope == "image"


def test_an_encoder_can_be_typed_and_nonsense_is_taken_back(boxes, session) -> None:
    box = boxes["model.encoder"]
    for typed, kept in (("timm:resnet18", "timm:resnet18"), ("resnet18", "timm:resnet18")):
        box.setText(typed)
        box.editingFinished.emit()
        assert session.settings.model.encoder == box.text() == kept


SPLICER, CONCAT = ("model.objective", "splicer"), ("model.objective", "concat")
TIMM, COMPACT = ("model.encoder", "timm:resnet18"), ("model.encoder", "compact")


@pytest.mark.parametrize(
    ("key", "of_no_use", "of_use", "why"),
    [
        ("model.temperature", ("model.loss", "byol"), ("model.loss", "simclr"), "BYOL"),
        ("model.decorrelation", ("model.objective", "je"), SPLICER, "Only where"),
        ("model.consistency", CONCAT, ("model.objective", "sum-je"), "branch"),
        ("model.width", TIMM, COMPACT, "those of timm"),
        ("training.component_dropout", CONCAT, SPLICER, "nothing here"),
    ],
)
def test_what_counts_for_nothing_is_grey_and_says_why(
    boxes, session, key, of_no_use, of_use, why
) -> None:
    box = boxes[key]
    changed(session, *of_no_use)
    assert not box.isEnabled()
    assert why in box.toolTip().splitlines()[0]
    changed(session, *of_use)
    assert box.isEnabled()
    assert why not in box.toolTip()


def test_what_does_not_go_with_another_setting_is_told_and_taken_back(boxes, session) -> None:
    changed(session, "model.embedding", 256)
    boxes["model.shared"].setValue(300)
    assert session.notice is not None
    assert session.notice.kind == "error"
    assert value(session, "model.shared") == boxes["model.shared"].value() == 0


def test_preset_and_epochs_take_the_place_of_steps_that_were_set(boxes, session) -> None:
    lengths = {"training.steps": 900, "training.restarts": (500,)}
    session.settings = session.settings.with_values(lengths)
    boxes["panel"].presets["thorough"].click()
    training = session.settings.training
    assert (training.preset, training.steps, training.restarts) == ("thorough", None, ())
    session.settings = session.settings.with_values(lengths)
    spins = boxes["panel"].findChildren(QSpinBox)
    next(box for box in spins if "training.epochs" in box.toolTip()).setValue(7)
    training = session.settings.training
    assert (training.epochs, training.steps, training.restarts) == (7, None, ())
