"""What the demonstration trains: its components, and its run file."""

from __future__ import annotations

from napari_splicer.config import Component, ImageInput, Region, RunConfig, TrainingSettings

STEPS = 400

# What someone who knows the panel, but not the answer, would take apart: nuclei, what the tissue
# is built of, which immune cells there are, what they do, and who lives around a cell.
COMPONENTS = (
    Component(name="nucleus", channels=("DNA", "Ki67"), region=Region(kind="cell")),
    Component(
        name="structure", channels=("PanCK", "Vimentin", "SMA", "CD31"), region=Region(kind="cell")
    ),
    Component(
        name="lineage",
        channels=("CD45", "CD3", "CD8", "CD20", "CD68"),
        region=Region(kind="cell"),
    ),
    Component(name="granules", channels=("GZMB",), region=Region(kind="cell")),
    Component(
        name="neighbours",
        channels=("DNA", "PanCK", "Vimentin", "CD31", "CD45", "CD20"),
        region=Region(kind="surroundings"),
    ),
)

OBJECTIVES = {"SpliCER": "splicer", "JE": "je"}


def demo_config(*, seed: int = 0, steps: int = STEPS) -> RunConfig:
    """Return the demonstration's run file: the synthetic tissue, five components, few steps."""
    return RunConfig(
        seed=seed,
        output=".",
        inputs=(ImageInput(image="tissue.ome.tif", mask="cells.tif", name="synthetic tissue"),),
        components=COMPONENTS,
        training=TrainingSettings(steps=steps),
    )
