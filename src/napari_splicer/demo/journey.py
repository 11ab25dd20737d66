"""The demonstration from the first pixel to the report, as an iterator of events."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from napari_splicer import pipeline
from napari_splicer.demo.comparison import FEATURES, DemoReport, add_truth, assess
from napari_splicer.demo.files import keep_model, write_inputs, write_results
from napari_splicer.demo.settings import OBJECTIVES, STEPS, demo_config
from napari_splicer.errors import WouldOverwrite
from napari_splicer.events import Event, Finished, Progress, Started, through

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from anndata import AnnData

    from napari_splicer.config import RunConfig
    from napari_splicer.events import Cancel
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle

CONTRAST = 0.75
"""Of the subtle state: neither plain nor hidden."""


def run_demo(
    folder: Path,
    *,
    contrast: float = CONTRAST,
    seed: int = 0,
    steps: int = STEPS,
    size: int = 768,
    overwrite: bool = False,
    cancel: Cancel | None = None,
) -> Iterator[Event]:
    """Make the tissue, train SpliCER and JE on it, and compare; a few minutes on two cores.

    Parameters
    ----------
    folder : Path
        For the image, the mask, the run file, the model, the table and the figures.
    contrast : float
        How plain the subtle state is, 0 to 1.
    seed : int
        Of the tissue and of the training.
    steps : int
        Training steps of each model.
    size : int
        Height and width of the tissue in pixels.
    overwrite : bool
        Whether an earlier demonstration in ``folder`` may be replaced.
    cancel : Cancel, optional
        Stops at the next batch; then there is no report.

    Yields
    ------
    Event
        Those of every stage; the last is ``Finished("demo")`` with a :class:`DemoReport`.

    Raises
    ------
    WouldOverwrite
        If ``folder`` holds anything and ``overwrite`` is off.
    """
    from napari_splicer.samples import synthetic_tissue

    began = perf_counter()
    if folder.exists() and any(folder.iterdir()) and not overwrite:
        raise WouldOverwrite(
            f"{folder} is not empty.", "Choose another folder, or allow overwriting."
        )
    yield Started("demo", message="Making a synthetic tissue")
    tissue = synthetic_tissue(contrast=contrast, seed=seed, size=size)
    config = demo_config(seed=seed, steps=steps)
    write_inputs(tissue, config, folder)
    fields = pipeline.open_inputs(config, folder)
    tables: dict[str, AnnData] = {}
    for name, objective in OBJECTIVES.items():
        chosen = config.with_values({"model.objective": objective})
        made = yield from _train_and_embed(fields, chosen, cancel)
        if made is None:
            yield Finished("demo", cancelled=True)
            return
        bundle, tables[name] = made
        if objective == config.model.objective:
            keep_model(bundle, config, folder)
    grouped = yield from through(pipeline.cluster(tables["SpliCER"], config, cancel=cancel))
    if grouped.cancelled:
        yield Finished("demo", cancelled=True)
        return
    yield Progress("demo", done=0, message="Comparing")
    tables["SpliCER"] = grouped.result
    for table in tables.values():
        add_truth(table, tissue.types)
    rows = tuple(assess(name, tables[whose], source) for name, (whose, source) in FEATURES.items())
    write_results(grouped.result, fields[0], rows, folder)
    report = DemoReport(
        folder=folder,
        contrast=contrast,
        cells=grouped.result.n_obs,
        probed=int((tissue.types["state"] != "").sum()),
        steps=steps,
        seconds=perf_counter() - began,
        rows=rows,
    )
    yield Finished("demo", report)


def _train_and_embed(
    fields: tuple[MaskedImage, ...], config: RunConfig, cancel: Cancel | None
) -> Generator[Event, None, tuple[Bundle, AnnData] | None]:
    """Return the model and the table of cells, or None if it was stopped before."""
    trained = yield from through(pipeline.train(fields, config, cancel=cancel))
    if trained.cancelled:
        return None
    embedded = yield from through(pipeline.embed(fields, trained.result, config, cancel=cancel))
    return None if embedded.cancelled else (trained.result, embedded.result)
