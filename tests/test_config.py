"""The run file: what it accepts, what it refuses, and that nothing is lost on the way to disk."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_splicer.config import (
    ClusteringSettings,
    Component,
    ImageInput,
    Rectangle,
    Region,
    Ring,
    RunConfig,
    TrainingSettings,
    load_run,
    parse_run,
)
from napari_splicer.errors import InvalidSettings, UnreadableFile

if TYPE_CHECKING:
    from pathlib import Path

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1)
RECTANGLES = st.builds(
    Rectangle,
    top=st.floats(0, 0.4),
    left=st.floats(0, 0.4),
    bottom=st.floats(0.5, 1),
    right=st.floats(0.5, 1),
)
RINGS = st.builds(Ring, inner=st.floats(0, 0.4), outer=st.floats(0.5, 2))
REGIONS = st.one_of(
    st.builds(
        Region,
        kind=st.sampled_from(["whole", "cell", "surroundings", "other_cells", "background"]),
    ),
    st.builds(Region, kind=st.sampled_from(["inside", "outside"]), mask=NAMES),
    st.builds(Region, kind=st.just("section"), section=RECTANGLES | RINGS),
)
COMPONENTS = st.lists(
    st.builds(
        Component,
        name=NAMES,
        channels=st.lists(NAMES, unique=True).map(tuple),
        region=REGIONS,
        width=st.none() | st.integers(1, 512),
        weight=st.floats(0, 10),
    ),
    unique_by=lambda component: component.name,
    max_size=4,
).map(tuple)


@given(components=COMPONENTS, seed=st.integers(0, 2**31), epochs=st.none() | st.integers(1, 99))
def test_run_file_holds_everything(
    components: tuple[Component, ...], seed: int, epochs: int | None
) -> None:
    config = RunConfig(
        components=components,
        seed=seed,
        training=TrainingSettings(epochs=epochs),
        inputs=(ImageInput(image="a.ome.tif", regions={"tumour": "t.tif"}),),
    )
    assert parse_run(tomllib.loads(config.to_toml())) == config


def test_defaults_make_a_run_file_that_loads(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(RunConfig().to_toml(), encoding="utf-8")
    assert load_run(path) == RunConfig()


def test_settings_cannot_be_changed() -> None:
    config = RunConfig()
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"sede": 1}, "there is no setting sede (perhaps seed?)"),
        ({"training": {"step": 5}}, "there is no setting training.step (perhaps steps?)"),
        ({"training": {"epochs": 0}}, "training.epochs must be at least 1, not 0"),
        ({"training": {"epochs": 1.5}}, "training.epochs must be a whole number, not 1.5"),
        ({"training": {"learning_rate": float("inf")}}, "must be a finite number"),
        ({"model": {"embedding": 16, "shared": 16}}, "model: shared must be smaller"),
        ({"normalization": {"lower": 0.999}}, "normalization: lower must be smaller than upper"),
        ({"clusterings": [{"name": "a", "seed": -1}]}, "seed must be at least 0, not -1"),
        ({"projection": {"seed": 2**32}}, "seed must be less than 4294967296"),
        ({"device": "gpu"}, "device must be auto, cpu, mps, cuda or cuda:<number>, not 'gpu'"),
        ({"version": 2}, "version must be 1, not 2"),
        ({"components": [{"name": "", "channels": []}]}, "components.0.name must not be empty"),
        ({"components": [{"name": "a"}]}, "components 'a': channels is missing"),
        ({"components": {"name": "a"}}, "components must be a list"),
        ({"components": [{"name": "a", "channels": ["x"]}] * 2}, "used: two components have the"),
        ({"components": [{"name": "a", "channels": [], "region": "cell"}]}, "must be a table"),
        ({"clusterings": [{"name": "a"}, {"name": "a"}]}, "same name: a"),
        ({"clusterings": [{"name": "a"}, {"name": "A"}]}, "same name: a"),
        ({"clusterings": [{"name": "Area"}]}, "a clustering can't be called Area"),
        ({"clusterings": [{"name": "image"}]}, "a clustering can't be called image"),
        ({"clusterings": [{"name": "splicer_12"}]}, "a clustering can't be called splicer_12"),
        ({"taught": [{"name": "UMAP_1"}]}, "a clustering can't be called UMAP_1"),
        ({"taught": [{"name": "umap_T-cells_2"}]}, "a clustering can't be called umap_T-cells_2"),
        (
            {"clusterings": [{"name": "my groups"}]},
            "clusterings 'my groups': name must be one word",
        ),
        ({"clusterings": [{"name": "__a"}]}, "clusterings '__a': name"),
        ({"clusterings": [{"source": "umap"}]}, "clusterings.0.source must be combined, rep"),
        ({"clusterings": [{"source": 3}]}, "clusterings.0.source must be text, not 3"),
        (
            {"clusterings": [{"name": "a", "source": ["intensity", "umap"]}]},
            "clusterings 'a': source.1 must be combined, rep",
        ),
        (
            {"projection": {"source": ["chunk:a"] * 2}},
            "source: 'chunk:a' is named twice",
        ),
        (
            {"projection": {"source": ["intensity", "combined"]}},
            "projection.source: 'combined' holds 'intensity' already",
        ),
        ({"projection": {"source": []}}, "projection.source: nothing is named"),
        ({"inputs": [{"image": "a.tif", "pixel_size": 0}]}, "inputs.0.pixel_size must be more"),
        ({"export": {"formats": ["xlsx"]}}, "export.formats.0 must be 'h5ad'"),
        ({"export": {"overwrite": "maybe"}}, "export.overwrite must be true or false"),
    ],
)
def test_mistake_is_named(data: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        parse_run(data, source="The run file x.toml")
    assert told in str(caught.value)
    assert str(caught.value).startswith("The run file x.toml")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "region",
    [
        {"kind": "inside"},
        {"kind": "whole", "mask": "tumour"},
        {"kind": "section"},
        {"kind": "cell", "section": {"shape": "ring"}},
        {"kind": "section", "section": {"shape": "ring", "inner": 1.0, "outer": 0.5}},
        {"kind": "section", "section": {"shape": "rectangle", "top": 0.5, "bottom": 0.5}},
        {"kind": "section", "section": {"shape": "rectangle", "left": 0.9, "right": 0.1}},
    ],
)
def test_incomplete_region_is_refused(region: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Region.model_validate(region)


@given(region=REGIONS)
def test_region_is_described_in_words(region: Region) -> None:
    assert region.describe()
    assert region.mask is None or region.mask in region.describe()


def test_values_are_replaced_by_dotted_keys() -> None:
    config = RunConfig(clusterings=(ClusteringSettings(name="a"), ClusteringSettings(name="b")))
    changed = config.with_values(
        {"training.epochs": 5, "device": "cuda:1", "clusterings.1.resolution": 0.5}
    )
    assert changed.training.epochs == 5
    assert changed.device == "cuda:1"
    assert [item.resolution for item in changed.clusterings] == [1.0, 0.5]
    assert config.training.epochs is None
    assert changed.with_values({"training.epochs": None}).training.epochs is None


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("epochs", "Settings here: version, seed"),
        ("training.epoch", "Did you mean 'epochs'? Settings here: preset"),
        ("trianing.epochs", "Did you mean 'training'?"),
        ("training.epochs.more", "Settings here: version, seed"),
        ("clusterings.7.name", "Entries here: 0."),
        ("seed.", "Settings here: version"),
    ],
)
def test_unknown_key_is_refused_with_the_known_ones(key: str, advice: str) -> None:
    with pytest.raises(InvalidSettings, match="There is no setting") as caught:
        RunConfig().with_values({key: 1})
    assert advice in caught.value.advice


def test_value_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidSettings, match=r"training\.epochs"):
        RunConfig().with_values({"training.epochs": "many"})


def test_missing_run_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"absent\.toml"):
        load_run(tmp_path / "absent.toml")


def test_broken_run_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(b"seed = ")
    with pytest.raises(InvalidSettings, match=r"run\.toml is not valid TOML"):
        load_run(path)
    path.write_bytes("seed = 1".encode("utf-16"))
    with pytest.raises(UnreadableFile, match=r"run\.toml is not a text file in UTF-8"):
        load_run(path)


def test_path_of_windows_is_advised_on(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[[inputs]]\nimage = "C:\\Users\\me\\slide.tif"\n', encoding="utf-8")
    with pytest.raises(InvalidSettings, match="Write paths with / instead of"):
        load_run(path)


def test_mark_that_windows_puts_before_a_text_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("seed = 7", encoding="utf-8-sig")
    assert load_run(path).seed == 7


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("combined", "combined"),
        (["chunk:a"], "chunk:a"),
        (["chunk:a + b", "intensity"], ("chunk:a + b", "intensity")),
    ],
)
def test_one_source_or_several_are_read_and_written_alike(
    written: str | list[str], read: str | tuple[str, ...]
) -> None:
    data = {"clusterings": [{"name": "a", "source": written}], "projection": {"source": written}}
    config = parse_run(data)
    for settings in (config.clusterings[0], config.projection):
        assert settings.source == read
        assert settings.sources == ((read,) if isinstance(read, str) else read)
    assert parse_run(tomllib.loads(config.to_toml())) == config
    assert RunConfig.model_validate_json(config.model_dump_json()) == config
