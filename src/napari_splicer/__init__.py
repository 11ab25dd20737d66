"""napari-splicer: interactive multiplex image analysis with SpliCER.

The public names are loaded when first used, so that importing the package is quick and loads
neither torch nor napari nor Qt.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from napari_splicer.versions import __version__

if TYPE_CHECKING:
    from napari_splicer.components.decomposition import Decomposition
    from napari_splicer.config import Component, Region, RunConfig, load_run
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import LabelMask, MaskedImage
    from napari_splicer.images.open import open_image, open_mask
    from napari_splicer.model.bundle import Bundle, load_bundle, save_bundle
    from napari_splicer.model.sources import load_model
    from napari_splicer.model.splicer import SpliCER
    from napari_splicer.pipeline import cluster, embed, export, open_inputs, segment, train
    from napari_splicer.report.write import write_report
    from napari_splicer.samples import synthetic_tissue
    from napari_splicer.segmentation.settings import SegmentationSettings

_HOMES = {
    "Bundle": "model.bundle",
    "Component": "config",
    "Decomposition": "components.decomposition",
    "LabelMask": "images.masks",
    "MaskedImage": "images.masks",
    "MultiplexImage": "images.image",
    "Region": "config",
    "RunConfig": "config",
    "SegmentationSettings": "segmentation.settings",
    "SpliCER": "model.splicer",
    "cluster": "pipeline",
    "embed": "pipeline",
    "export": "pipeline",
    "load_bundle": "model.bundle",
    "load_model": "model.sources",
    "load_run": "config",
    "open_image": "images.open",
    "open_inputs": "pipeline",
    "open_mask": "images.open",
    "save_bundle": "model.bundle",
    "segment": "pipeline",
    "synthetic_tissue": "samples",
    "train": "pipeline",
    "write_report": "report.write",
}

__all__ = [
    "Bundle",
    "Component",
    "Decomposition",
    "LabelMask",
    "MaskedImage",
    "MultiplexImage",
    "Region",
    "RunConfig",
    "SegmentationSettings",
    "SpliCER",
    "__version__",
    "cluster",
    "embed",
    "export",
    "load_bundle",
    "load_model",
    "load_run",
    "open_image",
    "open_inputs",
    "open_mask",
    "save_bundle",
    "segment",
    "synthetic_tissue",
    "train",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
