"""A model as one zip file: round trip, and every file that is refused."""

from __future__ import annotations

import zipfile

import pytest

from napari_splicer.errors import CannotWrite, InvalidModel, WouldOverwrite
from napari_splicer.model import archive
from napari_splicer.model.archive import pack_bundle, unpack_bundle
from napari_splicer.model.bundle import load_bundle


def zipped(path, *entries):
    with zipfile.ZipFile(path, "w") as made:
        for name, content in entries:
            made.writestr(name, content)
    return path


def test_there_and_back(model, tmp_path):
    (model / ".hidden").write_text("of the file manager")
    path = pack_bundle(model, tmp_path / "shared.zip")
    folder = unpack_bundle(path, tmp_path / "new" / "model")
    assert sorted(p.name for p in folder.iterdir()) == ["bundle.json", "model.safetensors"]
    assert load_bundle(folder).hash == load_bundle(model).hash
    assert zipfile.ZipFile(path).namelist() == ["shared/bundle.json", "shared/model.safetensors"]


def test_the_same_model_is_the_same_file(model, tmp_path):
    one, two = tmp_path / "a" / "m.zip", tmp_path / "b" / "m.zip"
    assert pack_bundle(model, one).read_bytes() == pack_bundle(model, two).read_bytes()


def test_files_at_the_top_and_beside_others_are_found(model, tmp_path):
    content = [(name, (model / name).read_bytes()) for name in ("bundle.json", "model.safetensors")]
    path = zipped(tmp_path / "m.zip", *content, ("readme.txt", b"hello"))
    folder = unpack_bundle(path, tmp_path / "model")
    assert not (folder / "readme.txt").exists()
    assert load_bundle(folder)


def test_nothing_is_overwritten(model, tmp_path):
    path = pack_bundle(model, tmp_path / "m.zip")
    with pytest.raises(WouldOverwrite):
        pack_bundle(model, path)
    assert pack_bundle(model, path, overwrite=True) == path


def test_only_a_model_is_packed(tmp_path):
    with pytest.raises(InvalidModel, match="not a SpliCER model"):
        pack_bundle(tmp_path, tmp_path / "m.zip")
    assert not (tmp_path / "m.zip").exists()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["../bundle.json", "../model.safetensors"], r"lie outside of it: \.\./bundle\.json"),
        (["/etc/bundle.json", "/etc/model.safetensors"], "lie outside"),
        (["..\\bundle.json"], "lie outside"),
        (["C:\\bundle.json"], "lie outside"),
        (["m/bundle.json", "m/model.safetensors", "../../x"], "lie outside"),
        (["m/readme.txt"], "holds no SpliCER model"),
        (["a/bundle.json", "b/bundle.json", "a/model.safetensors"], "more than one"),
        (["a/bundle.json", "b/model.safetensors"], r"no model\.safetensors beside"),
    ],
)
def test_what_is_no_bundle_is_refused(names, said, tmp_path):
    path = zipped(tmp_path / "m.zip", *((name, b"{}") for name in names))
    with pytest.raises(InvalidModel, match=said):
        unpack_bundle(path, tmp_path / "in" / "model")
    assert not (tmp_path / "in").exists()


def test_what_is_too_large_is_refused_before_it_is_unpacked(model, tmp_path, monkeypatch):
    path = pack_bundle(model, tmp_path / "m.zip")
    monkeypatch.setattr(archive, "LARGEST", 1000)
    with pytest.raises(InvalidModel, match=r"far more than any model's"):
        unpack_bundle(path, tmp_path / "in" / "model")
    assert not (tmp_path / "in").exists()


def test_a_disk_that_is_too_full_is_told_before_it_is_unpacked(model, tmp_path, monkeypatch):
    path = pack_bundle(model, tmp_path / "m.zip")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))
    with pytest.raises(CannotWrite, match="too little room"):
        unpack_bundle(path, tmp_path / "in" / "model")


def test_a_size_that_is_a_lie_does_not_fill_the_disk(tmp_path):
    """The entry claims 10 bytes and holds a million: no more than 10 are read."""
    path = zipped(tmp_path / "m.zip", ("bundle.json", b"0" * 10**6), ("model.safetensors", b"1"))
    real, lie = (10**6).to_bytes(4, "little"), (10).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(real, lie))
    with pytest.raises(InvalidModel, match="damaged"):
        unpack_bundle(path, tmp_path / "in" / "model")
    assert not (tmp_path / "in" / "model").exists()


@pytest.mark.parametrize("cut", [0, 100, -30])
def test_what_is_damaged_is_told(cut, model, tmp_path):
    path = pack_bundle(model, tmp_path / "m.zip")
    content = path.read_bytes()
    path.write_bytes(content[:cut])
    with pytest.raises(InvalidModel, match="not a zip file, or it is damaged"):
        unpack_bundle(path, tmp_path / "model")
    path.write_bytes(content[:600] + b"?" * 50 + content[650:])
    with pytest.raises(InvalidModel, match="damaged"):
        unpack_bundle(path, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_file_with_a_password_is_told(model, tmp_path):
    path = pack_bundle(model, tmp_path / "m.zip")
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\x01\x02")
    while start >= 0:  # the flags of both entries in the directory at the end
        content[start + 8] |= 1
        start = content.find(b"PK\x01\x02", start + 1)
    path.write_bytes(content)
    with pytest.raises(InvalidModel, match="password"):
        unpack_bundle(path, tmp_path / "model")
