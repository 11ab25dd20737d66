"""TrainingView: what a training tells of the components' parts, one question at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from napari_splicer.gui.training_report import most_alike, series
from napari_splicer.gui.widgets.curves import Curves
from napari_splicer.gui.widgets.narrow_box import NarrowBox

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from napari_splicer.events import Metrics
    from napari_splicer.gui.widgets.theme import Theme

WHOLE = "representation"
EXCHANGED = "with another cell's staining"
_LATER = "Comes about a tenth of the way, after 50 steps at least."


class TrainingView(QWidget):
    """Curves of one kind; ``choice``, which is laid out by whoever shows them, says of which.

    Signals
    -------
    turned
        Another kind was chosen: its key is another.
    """

    turned = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rank = Curves(
            "Rank ↑ richer",
            "How many independent things each component's part tells apart (RankMe); a rank near 1 "
            "means that it holds next to nothing",
            later="Comes after the first look, about a twenty-fifth of the way.",
        )
        self.alignment = Curves(
            "Found ↑ better",
            "How often a cell is found among others by what a component's part tells of it; 0.5 is "
            "chance. Dashed: the same after cells exchanged their staining. Where both lines stay "
            "together, the staining counts for nothing: noise, or the outline alone",
            later=_LATER,
        )
        self.r2 = Curves(
            "Best R² ↑ better",
            "How well each component's part tells the mean of the marker that it tells best (R²): "
            "0 not at all, 1 exactly. The report tells it of every marker",
            later=_LATER,
        )
        self.cka = Curves(
            "Alike ↓ better",
            "How much the two most alike parts say the same (CKA): 0 nothing, 1 everything. "
            "Components that stay near 1 may be merged",
            later=_LATER,
        )
        self.choice = NarrowBox(parent=self)
        self.choice.setAccessibleName("What is drawn beside the loss")
        self.choice.tip = (
            "What is drawn beside the loss: how rich each component's part is, whether cells are "
            "found by it, what it tells of markers, or how alike two parts are"
        )
        self.choice.addItems(["Rank", "Found by staining", "Best marker", "Most alike"])
        self._pages = QStackedWidget()
        for plot in self._plots:
            self._pages.addWidget(plot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        self.choice.currentIndexChanged.connect(self._pages.setCurrentIndex)
        self.choice.currentIndexChanged.connect(self.turned)

    @property
    def _plots(self) -> tuple[Curves, ...]:
        return self.rank, self.alignment, self.r2, self.cka

    def show_theme(self, theme: Theme) -> None:
        """Draw in the theme's colours."""
        for plot in self._plots:
            plot.set_theme(theme)

    def draw(
        self,
        metrics: Sequence[Metrics],
        names: Collection[str],
        colours: Mapping[str, str],
        ink: str,
    ) -> tuple[dict[str, str], tuple[str, ...]]:
        """Draw the chosen kind; return what else the key must name, and what of it is dashed.

        Parameters
        ----------
        metrics : sequence of Metrics
        names : collection of str
            Components, or "all" where there are none.
        colours : mapping of str to "#rrggbb"
            Theirs.
        ink : "#rrggbb"
            Of what is no component.
        """
        plot = self._plots[self.choice.currentIndex()]
        if plot is self.cka:
            alike = {name: line for name, line in series(metrics, "cka").items() if name == "all"}
            plot.show_series(alike, {"all": ink})
            pair = most_alike(metrics)
            return ({f"most alike: {pair}": ink} if pair else {}), ()
        if plot is self.alignment:
            own, exchanged = series(metrics, "alignment"), series(metrics, "alignment_shuffled")
            dashed = {f"{name} {EXCHANGED}": line for name, line in exchanged.items()}
            tints = {f"{name} {EXCHANGED}": colours.get(name, ink) for name in exchanged}
            tints |= {name: colours.get(name, ink) for name in own}
            plot.show_series({**dashed, **own}, tints, tuple(dashed))
            return ({EXCHANGED: ink}, (EXCHANGED,)) if dashed else ({}, ())
        lines = series(metrics, "rankme" if plot is self.rank else "r2")
        # The whole is no component: its line would pass for one whose colour is the same.
        whole = {WHOLE: lines["all"]} if "all" in lines and "all" not in names else {}
        parts = {name: line for name, line in lines.items() if name in names}
        plot.show_series({**parts, **whole}, {**colours, WHOLE: ink}, tuple(whole))
        return dict.fromkeys(whole, ink), tuple(whole)
