"""Models of folders, files, addresses and the hub; all of it on this computer."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time

import pytest
from web import COMMIT, web

from napari_splicer.errors import CannotDownload, CannotWrite, InvalidModel, InvalidSettings
from napari_splicer.events import Cancel, Finished, Progress, Started
from napari_splicer.model import downloads, sources
from napari_splicer.model.archive import pack_bundle
from napari_splicer.model.bundle import inspect_bundle
from napari_splicer.model.sources import find_model, load_model


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    for module in (downloads, sources):
        monkeypatch.setattr(module, "cache_folder", lambda: folder)
    return folder


@pytest.fixture
def packed(model, tmp_path):
    return pack_bundle(model, tmp_path / "shared.zip")


@pytest.fixture
def server(packed):
    with web() as made:
        made.files["/shared.zip"] = packed.read_bytes()
        yield made


def found(source, **options):
    *before, last = find_model(source, **options)
    assert isinstance(last, Finished)
    return before, last.result


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_folder_a_file_in_it_and_a_zip_file(model, packed, cache):
    for source in (model, str(model), model / "bundle.json", f" {model} "):
        before, result = found(source)
        assert (before, result.folder) == ([], model)
    _, result = found(packed)
    assert result.folder.is_relative_to(cache)
    assert result.source == str(packed)
    assert inspect_bundle(result.folder).hash == inspect_bundle(model).hash
    assert found(packed)[1] == result
    assert load_model(packed).hash == inspect_bundle(model).hash


def test_another_file_of_the_same_name_is_another_model(packed):
    found(packed)
    packed.write_bytes(b"no zip file")
    with pytest.raises(InvalidModel, match="not a zip file"):
        found(packed)


def test_an_address_is_fetched_once(model, server):
    address = f"{server.address}/shared.zip"
    before, result = found(address)
    assert isinstance(before[0], Started)
    assert all(isinstance(event, Progress) for event in before[1:])
    assert inspect_bundle(result.folder).hash == inspect_bundle(model).hash
    assert result.source == address
    asked = len(server.asked)
    server.shutdown()
    server.server_close()
    assert found(address)[1] == result
    assert len(server.asked) == asked


def test_a_damaged_file_is_fetched_again(model, server):
    address, whole = f"{server.address}/shared.zip", server.files["/shared.zip"]
    server.files["/shared.zip"] = whole[: len(whole) // 2]
    with pytest.raises(InvalidModel, match=f"^{address}"):
        found(address)
    server.files["/shared.zip"] = whole
    assert inspect_bundle(found(address)[1].folder).hash == inspect_bundle(model).hash


def test_how_far_it_is_and_stopping(server, cache):
    server.files["/shared.zip"] = bytes(2**22)
    server.delay = 0.05  # 3 seconds in all
    cancel, begun = Cancel(), time.monotonic()
    last = None
    for event in find_model(f"{server.address}/shared.zip", cancel=cancel):
        if isinstance(event, Progress) and event.done > 100:
            assert (event.total, event.unit) == (4194, "kB")
            cancel.request()
        last = event
    assert isinstance(last, Finished)
    assert (last.result, last.cancelled) == (None, True)
    assert time.monotonic() - begun < 2
    deadline = time.monotonic() + 10
    while files(cache) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert files(cache) == []


def test_a_checksum_is_checked(server, packed, cache):
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    address = f"{server.address}/shared.zip#sha256="
    assert found(address + digest.upper())[1].folder.is_dir()
    shutil.rmtree(cache)
    with pytest.raises(CannotDownload, match="not the file that its checksum"):
        found(address + "0" * 64)
    assert files(cache) == []
    with pytest.raises(InvalidSettings, match="no checksum"):
        found(address + "12")
    with pytest.raises(InvalidSettings, match="no checksum"):
        found(f"{server.address}/shared.zip#page=3")


@pytest.mark.parametrize(
    "source",
    ["http://example.org/m.zip", "http://10.0.0.1/m.zip", "http://127.0.0.1.example.org/m.zip"],
)
def test_an_address_that_is_not_encrypted_is_refused(source):
    with pytest.raises(CannotDownload, match="not a safe address"):
        found(source)


def test_a_server_that_sends_elsewhere_can_not_send_to_what_is_not_safe(server):
    server.moved["/a.zip"] = f"{server.address}/shared.zip"
    assert found(f"{server.address}/a.zip")[1].folder.is_dir()
    server.moved["/b.zip"] = "http://example.org/shared.zip"
    with pytest.raises(CannotDownload, match=r"http://example.org/shared.zip is not a safe"):
        found(f"{server.address}/b.zip")


def test_what_is_not_there_is_told(server, tmp_path):
    with pytest.raises(CannotDownload, match="the server answers 404"):
        found(f"{server.address}/none.zip")
    with pytest.raises(CannotDownload, match="can't be reached"):
        found("http://127.0.0.1:1/none.zip")
    (tmp_path / "run").mkdir()
    for source in ("nowhere", "a/b/c", str(tmp_path / "run" / "model"), "ftp://example.org/m.zip"):
        with pytest.raises(InvalidModel, match="There is no model at"):
            found(source)


def test_a_mistyped_path_is_not_looked_for_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    with pytest.raises(InvalidModel, match="There is no model at run/modell"):
        found("run/modell")


def test_what_is_too_large_or_has_no_room_is_not_fetched(server, monkeypatch, cache):
    server.files["/large.zip"] = bytes(10**6)
    monkeypatch.setattr(downloads.Meter.__init__, "__defaults__", (1000,))
    with pytest.raises(CannotDownload, match="larger than"):
        found(f"{server.address}/large.zip")
    monkeypatch.undo()
    monkeypatch.setattr(downloads, "cache_folder", lambda: cache)
    monkeypatch.setattr(sources, "cache_folder", lambda: cache)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))
    with pytest.raises(CannotWrite, match="too little room"):
        found(f"{server.address}/large.zip")
    assert files(cache) == []


PROGRAM = """
import sys
from pathlib import Path
from napari_splicer.errors import SplicerError
from napari_splicer.model import downloads, sources
sources.cache_folder = downloads.cache_folder = lambda: Path(sys.argv[1])
for source in sys.argv[2:]:
    try:
        *_, last = sources.find_model(source)
        found = last.result
        print(found.source, sources.load_bundle(found.folder).hash)
    except SplicerError as error:
        print(type(error).__name__, error)
"""


def ask_hub(endpoint, cache, *names):
    """Let huggingface_hub itself talk to another endpoint, which it reads when it is loaded."""
    words = [sys.executable, "-c", PROGRAM, str(cache), *names]
    home = {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache / "home"), "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        words, env=os.environ | home, capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout.splitlines()


def test_the_hub_gives_a_model_by_name_and_again_without_network(model, cache):
    expected = f"hf://lab/tissue@{COMMIT} {inspect_bundle(model).hash}"
    with web() as server:
        for name in ("bundle.json", "model.safetensors"):
            for revision in ("main", COMMIT):
                server.files[f"/lab/tissue/resolve/{revision}/{name}"] = (model / name).read_bytes()
        lines = ask_hub(
            server.address, cache, "lab/tissue", f"hf://lab/tissue@{COMMIT}", "lab/other"
        )
        fetched = [asked for asked in server.asked if asked.startswith("GET /lab/tissue/resolve")]
    assert lines[:2] == [expected, expected]
    assert lines[2].startswith("CannotDownload There is no folder, file or model of the Hugging")
    assert len(fetched) == 2
    lines = ask_hub("http://127.0.0.1:1", cache, "lab/tissue", "lab/new")
    assert lines[0] == expected
    assert lines[1].startswith("CannotDownload The Hugging Face hub can't be reached")
