"""From an image to groups of cells, with progress on the way; under a minute on a laptop.

python examples/train_and_embed.py
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_splicer import Component, Region, RunConfig, pipeline, save_bundle, synthetic_tissue
from napari_splicer.analysis.profiles import profile, top_markers
from napari_splicer.events import Metrics, Progress, Warned

if TYPE_CHECKING:
    from napari_splicer.events import Event

COMPONENTS = (
    Component(name="structure", channels=("DNA", "PanCK", "Vimentin", "SMA", "CD31")),
    Component(
        name="lineage", channels=("CD45", "CD3", "CD8", "CD20", "CD68"), region=Region(kind="cell")
    ),
    Component(name="granules", channels=("GZMB",), region=Region(kind="cell")),
    Component(name="around", channels=("PanCK", "CD45"), region=Region(kind="surroundings")),
)


def show(event: Event) -> None:
    """Print what a training says now and then."""
    if isinstance(event, Metrics) and "loss" in event.values and event.step % 50 == 0:
        print(f"step {event.step}: loss {event.values['loss']:.2f}")
    elif isinstance(event, Progress) and event.message:
        print(event.message)
    elif isinstance(event, Warned):
        print("Note:", event.message)


def main(folder: Path = Path("example-run"), *, size: int = 384, steps: int = 150) -> None:
    """Train on a tissue of ``size`` pixels for ``steps`` steps; results go to ``folder``."""
    field = synthetic_tissue(size=size).field
    # For an image of your own:
    # field = MaskedImage(image=open_image("slide.ome.tif"), cells=open_mask("cells.tif"))
    config = RunConfig(components=COMPONENTS).with_values(
        {"training.steps": steps, "export.overwrite": True}
    )
    model = pipeline.run(pipeline.train([field], config), show)
    save_bundle(model, folder / "model", overwrite=True)

    table = pipeline.run(pipeline.embed([field], model, config))
    table = pipeline.run(pipeline.cluster(table, config), show)
    name = config.clusterings[0].name
    for group, markers in top_markers(profile(table, name)).items():
        print(f"group {group}, {(table.obs[name] == group).sum()} cells: {markers}")
    for path in pipeline.run(pipeline.export(table, [field], config, folder)):
        print("wrote", path)


if __name__ == "__main__":
    main()
