"""Figures: what is drawn is what the table says, in the table's colours, joined by id."""

from __future__ import annotations

import subprocess
import sys

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from napari_splicer.errors import InvalidSettings, WouldOverwrite
from napari_splicer.export.figures import (
    comparison_figure,
    map_figure,
    profile_figure,
    save_figure,
    table_figure,
)
from napari_splicer.export.tissue_figure import tissue_figure
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage

COLOURS = ("#FF0000", "#0000FF")


@pytest.fixture
def field() -> MaskedImage:
    """Two cells, 70 at the left and 9 at the right, and one, 500, that the table lacks."""
    mask = np.zeros((60, 100), np.uint32)
    mask[10:30, 5:25] = 70
    mask[10:30, 60:80] = 9
    mask[40:55, 40:55] = 500
    image = np.random.default_rng(0).integers(50, 60, (2, 60, 100)).astype(np.uint16)
    image[:, mask > 0] += 400
    return MaskedImage(
        MultiplexImage.from_array(image, ["CD3", "CD8"], name="left", pixel_size=0.5),
        LabelMask.from_array(mask),
    )


@pytest.fixture
def table() -> AnnData:
    """Rows in another order than the mask's ids, and a cell of another image with the same id."""
    obs = pd.DataFrame(
        {
            "instance_id": [9, 70, 70],
            "region": pd.Categorical(["left", "left", "other"]),
            "kind": pd.Categorical(["b", "a", "b"], categories=["a", "b"]),
        },
        index=["left_9", "left_70", "other_70"],
    )
    made = AnnData(
        np.array([[1, 9], [9, 1], [1, 8]], np.float32),
        obs=obs,
        var=pd.DataFrame(index=["CD3", "CD8"]),
        obsm={"X_umap": np.array([[0, 0], [5, 5], [np.nan, np.nan]], np.float32)},
    )
    made.uns["kind_colors"] = np.array(COLOURS)
    return made


def picture(figure) -> np.ndarray:
    return np.asarray(figure.axes[0].images[0].get_array())


def hue(pixel: np.ndarray) -> np.ndarray:
    return pixel / pixel.max()


def test_cells_have_their_groups_colour_and_other_pixels_none(field, table):
    drawn = picture(tissue_figure(table, field, "kind"))
    assert drawn.shape == (60, 100, 3)
    assert np.allclose(hue(drawn[20, 15]), to_rgb(COLOURS[0]))
    assert np.allclose(hue(drawn[20, 70]), to_rgb(COLOURS[1]))
    for y, x in ((5, 5), (47, 47)):
        assert np.ptp(drawn[y, x]) == 0


def test_legend_counts_the_cells_that_are_drawn(field, table):
    legend = tissue_figure(table, field, "kind").axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["a  (1)", "b  (1)"]


def test_tissue_is_thinned_from_the_level_that_suffices(field, table):
    read: list[str] = []

    def level(name: str, plane: np.ndarray) -> da.Array:
        def block(part):
            read.append(name)
            return part

        return da.from_array(plane, chunks=plane.shape).map_blocks(
            block, meta=np.empty((0,) * plane.ndim, plane.dtype)
        )

    image, mask = field.image.data.compute(), field.cells.data.compute()
    pyramid = MaskedImage(
        MultiplexImage(
            name="left",
            levels=(level("fine", image), level("coarse", image[:, ::2, ::2])),
            channels=("CD3", "CD8"),
        ),
        LabelMask("cells", (da.from_array(mask),)),
    )
    drawn = picture(tissue_figure(table, pyramid, "kind", longest=40))
    assert drawn.shape == (24, 40, 3)
    assert set(read) == {"coarse"}
    assert np.allclose(hue(drawn[8, 6]), to_rgb(COLOURS[0]))


def test_scale_bar_is_a_round_length_of_the_right_width(field, table):
    axes = tissue_figure(table, field, "kind", longest=50).axes[0]
    (bar,) = axes.lines
    assert axes.texts[0].get_text() == "10 µm"
    assert np.ptp(bar.get_xdata()) == pytest.approx(10 / 1.0)  # thinned twice: 1 µm per pixel


def test_map_shows_the_cells_that_have_a_place(table):
    points = map_figure(table, "kind").axes[0].collections[0]
    shown = {tuple(p): tuple(c[:3]) for p, c in zip(
        points.get_offsets().tolist(), points.get_facecolors().tolist(), strict=True
    )}  # fmt: skip
    assert shown == {(5, 5): to_rgb(COLOURS[0]), (0, 0): to_rgb(COLOURS[1])}


def test_profile_shows_the_scores_with_counts(table):
    axes = profile_figure(table, "kind").axes[0]
    rows = [tick.get_text() for tick in axes.get_yticklabels()]
    assert sorted(rows) == ["a  (1)", "b  (2)"]
    scores = pd.DataFrame(
        np.asarray(axes.images[0].get_array()),
        index=rows,
        columns=[tick.get_text() for tick in axes.get_xticklabels()],
    )
    assert scores.loc["a  (1)", "CD3"] > 1 > -1 > scores.loc["a  (1)", "CD8"]


def test_bars_are_as_long_as_the_scores():
    scores = {"SpliCER": 0.8, "JE": 0.6}
    axes = comparison_figure(scores, title="t", measure="AUROC", chance=0.5).axes[0]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    widths = dict(zip(names, (bar.get_width() for bar in axes.patches), strict=True))
    assert widths == scores
    assert axes.lines[0].get_xdata()[0] == 0.5


def test_table_shows_two_digits():
    rows = pd.DataFrame({"representation": ["SpliCER"], "AUROC": [0.8123]})
    drawn = table_figure(rows, title="t").axes[0].tables[0].get_celld()
    assert drawn[0, 1].get_text().get_text() == "AUROC"
    assert drawn[1, 1].get_text().get_text() == "0.81"


def test_figure_is_written_once_and_not_over_another(table, tmp_path):
    path = tmp_path / "map.png"
    save_figure(map_figure(table, "kind"), path)
    assert imread(path).shape[2] == 4
    with pytest.raises(WouldOverwrite):
        save_figure(map_figure(table, "kind"), path)
    save_figure(map_figure(table, "kind"), path, overwrite=True)
    assert [found.name for found in tmp_path.iterdir()] == ["map.png"]


@pytest.mark.parametrize("draw", [map_figure, profile_figure])
def test_a_clustering_that_is_not_there_is_named(table, draw):
    with pytest.raises(InvalidSettings, match="grade"):
        draw(table, "grade")


def test_what_is_missing_is_told(table, field):
    del table.obsm["X_umap"]
    with pytest.raises(InvalidSettings, match="no map"):
        map_figure(table, "kind")
    with pytest.raises(InvalidSettings, match="no cell mask"):
        tissue_figure(table, MaskedImage(field.image), "kind")


def test_drawing_needs_no_window_and_importing_no_matplotlib():
    code = (
        "import sys; import napari_splicer.export.figures, napari_splicer.export.tissue_figure;"
        "assert 'matplotlib' not in sys.modules;"
        "napari_splicer.export.figures.comparison_figure({'a': 1.0}, title='', measure='',"
        " chance=0.5);"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
