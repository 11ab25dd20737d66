"""What the demonstration leaves on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.pipeline import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

    from napari_splicer.config import RunConfig
    from napari_splicer.demo.comparison import Row
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle
    from napari_splicer.samples import Tissue

HEADINGS = {
    "features": "cells described by",
    "auroc": "engaged: AUROC",
    "balanced_accuracy": "balanced accuracy",
    "ari": "types: ARI",
}


def write_inputs(tissue: Tissue, config: RunConfig, folder: Path) -> None:
    """Write image (OME-TIFF), mask (TIFF) and truth (CSV) of a tissue into ``folder``."""
    import numpy as np
    import tifffile

    from napari_splicer.files import written

    field, names = tissue.field, config.inputs[0]
    if field.cells is None or names.mask is None or field.image.pixel_size is None:
        raise TypeError("a synthetic tissue has cells and a pixel size")
    y, x = field.image.pixel_size
    size = {"PhysicalSizeY": y, "PhysicalSizeX": x}
    units = {"PhysicalSizeYUnit": "µm", "PhysicalSizeXUnit": "µm"}
    channels = {"Channel": {"Name": list(field.image.channels)}}
    with written(folder / names.image, overwrite=True) as temporary:
        tifffile.imwrite(
            temporary,
            np.asarray(field.image.data),
            ome=True,
            photometric="minisblack",
            compression="zlib",
            metadata={"axes": "CYX", **channels, **size, **units},
        )
    with written(folder / names.mask, overwrite=True) as temporary:
        tifffile.imwrite(temporary, np.asarray(field.cells.data), compression="zlib")
    with written(folder / "truth.csv", overwrite=True) as temporary:
        tissue.types.to_csv(temporary, index=False)


def keep_model(bundle: Bundle, config: RunConfig, folder: Path) -> None:
    """Write the bundle, its report, and the run file with the settings as they were used."""
    from napari_splicer.files import write_text
    from napari_splicer.model.bundle import save_bundle
    from napari_splicer.report.write import write_report

    save_bundle(bundle, RunFolder(folder).model, overwrite=True)
    write_report(bundle, RunFolder(folder).report, overwrite=True)
    used = bundle.config.model_copy(update={"inputs": config.inputs, "output": config.output})
    write_text(RunFolder(folder).run_file, used.to_toml(), overwrite=True)


def write_results(table: AnnData, field: MaskedImage, rows: tuple[Row, ...], folder: Path) -> None:
    """Write the table of cells, and figures of its first clustering."""
    import pandas as pd

    from napari_splicer.analysis.clustering import clusterings
    from napari_splicer.export.figures import (
        comparison_figure,
        map_figure,
        profile_figure,
        save_figure,
        table_figure,
    )
    from napari_splicer.export.tables import write_zarr
    from napari_splicer.export.tissue_figure import tissue_figure

    write_zarr(table, RunFolder(folder).table, overwrite=True)
    clusters = next(iter(clusterings(table)))
    figures = {
        "tissue": tissue_figure(table, field, clusters),
        "tissue_known_types": tissue_figure(table, field, "type"),
        "map": map_figure(table, clusters),
        "map_known_types": map_figure(table, "type"),
        "profiles": profile_figure(table, clusters),
        "subtle_state": comparison_figure(
            {row.features: row.auroc for row in rows},
            title="Which CD8 T cells are engaged?",
            measure="AUROC of a linear probe",
            chance=0.5,
        ),
        "report": table_figure(
            pd.DataFrame(rows).rename(columns=HEADINGS), title="Engaged CD8 T cells; cell types"
        ),
    }
    for name, figure in figures.items():
        save_figure(figure, folder / "figures" / f"{name}.png", overwrite=True)
