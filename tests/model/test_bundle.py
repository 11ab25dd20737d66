"""Bundles: round trip, and every way in which a file can be wrong."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component, ModelSettings, RunConfig
from napari_splicer.errors import CannotWrite, InvalidModel, WouldOverwrite
from napari_splicer.model.bundle import Bundle, inspect_bundle, load_bundle, save_bundle
from napari_splicer.model.diagnostics import Alignment, Diagnostics, Part
from napari_splicer.model.objectives import build_network
from napari_splicer.patches.normalization import Normalization

CHANNELS = ("PanCK", "CD3")
PARTS = (Component(name="epithelium", channels=("PanCK",)), Component(name="T", channels=("CD3",)))

FOUND = Diagnostics(
    date="2026-01-02T03:04:05+00:00",
    steps=300,
    images=("slide",),
    trained=1000,
    patches=512,
    markers=CHANNELS,
    representation=Part(name="whole", width=32, rank=9.5, r2=(0.9, None)),
    chunks=(
        Part(name="epithelium", width=4, rank=3.5, r2=(0.9, None)),
        Part(name="T", width=4, rank=3.0, r2=(-0.2, None)),
    ),
    similarity=((1.0, None), (None, 1.0)),
    counterparts=((1.0, 0.5), (0.5, 1.0)),
    alignments=(Alignment(name="epithelium", own=0.9, shuffled=0.5),),
)


def make_bundle(seed=0, **model):
    config = RunConfig(
        components=PARTS, model=ModelSettings(**{"width": 4, "embedding": 8, "hidden": 8} | model)
    )
    decomposition = Decomposition(PARTS)
    return Bundle(
        network=build_network(config.model, decomposition, CHANNELS, 32, seed=seed).eval(),
        decomposition=decomposition,
        channels=CHANNELS,
        normalization=Normalization(CHANNELS, (0.1, 0.0), (7.25, 3.5), 5.0),
        config=config,
        history={"loss": [(1, 3.5), (2, 2.5)]},
        diagnostics=FOUND,
        pixel_size=(0.5, 0.5),
        licence="CC BY 4.0",
        notes="two markers",
    )


@pytest.fixture(scope="module")
def bundle():
    return make_bundle()


@pytest.fixture
def folder(bundle, tmp_path):
    return save_bundle(bundle, tmp_path / "model")


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def edit_record(folder, **changes):
    path = folder / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_round_trip(bundle, folder):
    again = load_bundle(folder)
    for name in [entry.name for entry in fields(Bundle) if entry.name != "network"] + ["hash"]:
        assert getattr(again, name) == getattr(bundle, name), name
    x_BCHW = torch.rand(3, 2, 32, 32)
    with torch.no_grad():
        assert torch.equal(again.network.represent(x_BCHW), bundle.network.represent(x_BCHW))
        assert torch.equal(again.network.embed(x_BCHW)[1], bundle.network.embed(x_BCHW)[1])
    assert not again.network.training
    assert names(folder) == ["bundle.json", "model.safetensors"]
    assert names(folder.parent) == ["model"]


@pytest.mark.parametrize("changes", [{"objective": "je"}, {"encoder": "timm:resnet10t"}])
def test_round_trip_of_other_networks(changes, tmp_path):
    bundle = make_bundle(**changes)
    again = load_bundle(save_bundle(bundle, tmp_path / "model"))
    assert again.hash == bundle.hash
    assert again.network.component_slices == bundle.network.component_slices


def test_the_hash_tells_models_apart(bundle):
    assert make_bundle().hash == bundle.hash
    assert make_bundle(seed=1).hash != bundle.hash


def test_inspecting_reads_the_json_alone(bundle, folder):
    (folder / "model.safetensors").unlink()
    record = inspect_bundle(folder)
    assert record.decomposition == bundle.decomposition
    assert record.channels == CHANNELS
    assert record.hash == bundle.hash
    assert record.pixel_size == (0.5, 0.5)
    assert set(record.versions) >= {"napari-splicer", "torch", "python"}


def test_models_are_not_overwritten_unasked(bundle, folder):
    with pytest.raises(WouldOverwrite, match="already"):
        save_bundle(bundle, folder)
    other = make_bundle(seed=1)
    save_bundle(other, folder, overwrite=True)
    assert load_bundle(folder).hash == other.hash
    assert names(folder.parent) == ["model"]


def test_folders_with_other_files_are_never_replaced(bundle, folder):
    (folder / "thesis.docx").write_text("five years of work")
    with pytest.raises(WouldOverwrite, match="other files"):
        save_bundle(bundle, folder, overwrite=True)
    assert (folder / "thesis.docx").exists()


def test_what_file_managers_leave_behind_does_not_count(bundle, folder):
    (folder / ".DS_Store").write_bytes(b"\0")
    save_bundle(bundle, folder, overwrite=True)
    assert names(folder) == ["bundle.json", "model.safetensors"]


def test_a_place_that_cannot_be_written_to_is_named(bundle, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CannotWrite, match="file"):
        save_bundle(bundle, tmp_path / "file" / "model")
    assert names(tmp_path) == ["file"]


def test_a_failed_replacement_leaves_the_old_model(bundle, folder, monkeypatch):
    rename, calls = Path.replace, []

    def fail(self, target):
        calls.append(self)
        if len(calls) == 2:  # the old model has stepped aside, the new one comes
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(CannotWrite, match="no room left"):
        save_bundle(make_bundle(seed=1), folder, overwrite=True)
    assert load_bundle(folder).hash == bundle.hash
    assert names(folder.parent) == ["model"]


def test_a_folder_without_a_model(tmp_path):
    for load in (load_bundle, inspect_bundle):
        with pytest.raises(InvalidModel, match=r"it has no bundle\.json"):
            load(tmp_path)


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_truncated_weights(folder, length):
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:length])
    with pytest.raises(InvalidModel, match=r"model\.safetensors is damaged or incomplete"):
        load_bundle(folder)


def test_missing_weights(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(InvalidModel, match=r"model\.safetensors cannot be read"):
        load_bundle(folder)


def test_tampered_weights(folder):
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(InvalidModel, match="not those that"):
        load_bundle(folder)


def test_weights_of_another_network(folder):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors["projector.0.weight"] = torch.zeros(3, 3)
    save_file(tensors, path)
    with pytest.raises(InvalidModel, match=r"'projector.0.weight' has the shape \(3, 3\)"):
        load_bundle(folder)


def test_huge_claims_take_no_memory(folder):
    record = json.loads((folder / "bundle.json").read_text())
    for claim in (10**6, 10**9, 10**15):
        config = record["config"] | {"model": record["config"]["model"] | {"hidden": claim}}
        edit_record(folder, config=config)
        with pytest.raises(InvalidModel, match=r"do not fit|cannot be made"):
            load_bundle(folder)


def test_components_that_do_not_fill_the_embedding(folder):
    record = json.loads((folder / "bundle.json").read_text())
    config = record["config"] | {"model": record["config"]["model"] | {"embedding": 10**12}}
    components = [component | {"width": 4} for component in record["components"]]
    edit_record(folder, config=config, components=components)
    with pytest.raises(InvalidModel, match="cannot be made: The components' widths"):
        load_bundle(folder)


def test_weights_whose_header_lies(folder):
    header = b'{"a":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4000000000000]}}'
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(InvalidModel, match="damaged or incomplete"):
        load_bundle(folder)


def test_newer_formats_are_refused_as_such(folder):
    edit_record(folder, format_version=2, something_new={})
    with pytest.raises(InvalidModel, match="Update napari-splicer"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"channels": ["PanCK"]}, "components use channels that are not listed: CD3"),
        ({"channels": ["CD3", "PanCK"]}, "the normalisation is of other channels"),
        ({"format": "something else"}, "format"),
        ({"hash": "../../etc/passwd"}, "hash"),
        ({"extra": 1}, "extra"),
        (
            {"normalization": {"channels": CHANNELS, "lower": [0], "upper": [1], "curve": 5}},
            "bound",
        ),
        (
            {"normalization": {"channels": CHANNELS, "lower": [0], "upper": [1e39], "curve": 5}},
            "upper",
        ),
    ],
)
def test_records_that_do_not_fit(folder, changes, complaint):
    edit_record(folder, **changes)
    with pytest.raises(InvalidModel, match=complaint):
        inspect_bundle(folder)


@pytest.mark.parametrize(
    "kept", [None, {"version": 2, "steps": "many", "more": [1]}], ids=["older", "newer"]
)
def test_diagnostics_of_other_versions_are_left_out(kept, folder):
    record = json.loads((folder / "bundle.json").read_text())
    del record["diagnostics"]
    changes = {} if kept is None else {"diagnostics": kept}
    (folder / "bundle.json").write_text(json.dumps(record | changes))
    assert inspect_bundle(folder).diagnostics is None
    assert load_bundle(folder).diagnostics is None


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"steps": -1}, "steps"),
        ({"markers": ["PanCK"]}, "one R² per marker"),
        ({"similarity": [[1.0]]}, "not of these chunks"),
        ({"counterparts": []}, "not of these chunks"),
        ({"similarity": [[1.0, 2.0], [2.0, 1.0]]}, "similarity"),
        ({"alignments": [{"name": "a", "own": float("nan"), "shuffled": 0.5}]}, "own"),
        ({"extra": 1}, "extra"),
    ],
)
def test_diagnostics_that_do_not_fit(changes, complaint, folder):
    record = json.loads((folder / "bundle.json").read_text())
    edit_record(folder, diagnostics=record["diagnostics"] | changes)
    with pytest.raises(InvalidModel, match=complaint):
        inspect_bundle(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 3}', "\x00\xff"])
def test_records_that_are_none(folder, text):
    (folder / "bundle.json").write_text(text)
    with pytest.raises(InvalidModel, match="does not describe a model"):
        load_bundle(folder)


def test_an_encoder_of_another_world(folder):
    record = json.loads((folder / "bundle.json").read_text())
    config = record["config"] | {"model": record["config"]["model"] | {"encoder": "timm:nope9"}}
    edit_record(folder, config=config)
    with pytest.raises(InvalidModel, match="timm has no network 'nope9'"):
        load_bundle(folder)
