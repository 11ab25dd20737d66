"""Files of models from elsewhere, fetched into a cache of this computer by pooch.

It runs in a thread of its own, as it tells how far it is by calling; what was fetched whole is
found again without a network.
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from napari_splicer.errors import CannotDownload, CannotWrite
from napari_splicer.events import Progress
from napari_splicer.model.archive import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_splicer.events import Cancel, Event

T = TypeVar("T")

PATIENCE = 15.0
"""Seconds in which a server must say something."""

_TOLD_EVERY = 0.1  # seconds
_PIECE = 2**16  # bytes


class _Stopped(Exception):
    """Ends a download that nobody waits for any more."""


def cache_folder() -> Path:
    """Return where downloaded models are kept: the user's cache folder."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-splicer") / "models"


class Meter:
    """How much of a file has come; the fetching thread writes it, and is stopped by it.

    It is what pooch calls a progress bar.

    Parameters
    ----------
    folder : Path
        Where the file goes; its disk must have room.
    largest : int
        Bytes that are taken at most.
    """

    def __init__(self, folder: Path, largest: int = LARGEST) -> None:
        self.done = 0
        self.stopped = False
        self._folder = folder
        self._largest = largest
        self._total = 0

    @property
    def total(self) -> int:
        """Bytes in all; 0 where the server did not say."""
        return self._total

    @total.setter
    def total(self, total: int) -> None:
        self._total = total
        self._check(total)
        free = shutil.disk_usage(self._folder).free
        if free < total:
            raise CannotWrite(
                f"There is too little room to download the model: {free / 1e6:,.0f} MB are free in "
                f"{self._folder}, and {total / 1e6:,.0f} MB are needed.",
                "Free some space on that disk.",
            )

    def update(self, count: int) -> None:
        """Count ``count`` bytes more."""
        if self.stopped:
            raise _Stopped
        self.done += count
        self._check(self.done)

    def reset(self) -> None:
        """Count from 0 again."""
        self.done = 0

    def close(self) -> None:
        """End the count."""

    def _check(self, size: int) -> None:
        if size > self._largest + _PIECE:
            raise CannotDownload(
                f"The file is larger than {self._largest / 1e6:,.0f} MB, as no model is.",
                "Check the address.",
            )


def allowed(address: str) -> bool:
    """Return whether a model may come from ``address``: encrypted, or from this computer itself.

    Examples
    --------
    >>> allowed("https://zenodo.org/model.zip"), allowed("http://127.0.0.1:80/model.zip")
    (True, True)
    >>> allowed("http://zenodo.org/model.zip"), allowed("file:///model.zip")
    (False, False)
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme != "http":
        return parts.scheme == "https" and bool(host)
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def download(
    address: str, checksum: str | None, folder: Path, cancel: Cancel
) -> Generator[Event, None, Path | None]:
    """Fetch a file, or find it where it was fetched before; None if it was stopped.

    Parameters
    ----------
    address : str
        ``https``, or ``http`` of this computer.
    checksum : str, optional
        SHA-256 of the file, in hexadecimal digits.
    folder : Path
        Where it goes, under a name that follows from the address.
    cancel : Cancel

    Raises
    ------
    CannotDownload
        If there is no such address, it is not safe, or what came is not what the checksum says.
    CannotWrite
        If the disk is full.
    """
    if not allowed(address):
        raise _not_safe(address)
    make_cache(folder)
    meter = Meter(folder)
    return (yield from watched(lambda: _retrieve(address, checksum, folder, meter), meter, cancel))


def _retrieve(address: str, checksum: str | None, folder: Path, meter: Meter) -> Path:
    import pooch
    import requests

    opened = ExitStack()

    def check_turn(response: Any, *_: Any, **__: Any) -> None:
        opened.callback(response.close)  # pooch leaves it open where it fails
        target = urljoin(response.url, response.headers.get("location", ""))
        if response.is_redirect and not allowed(target):
            raise _not_safe(target)

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(
        progressbar=meter, chunk_size=_PIECE, timeout=PATIENCE, hooks={"response": check_turn}
    )
    known = None if checksum is None else f"sha256:{checksum}"
    try:
        with opened:
            return Path(pooch.retrieve(address, known, path=folder, downloader=downloader))
    except requests.HTTPError as error:
        raise CannotDownload(
            f"{address} can't be downloaded: the server answers "
            f"{error.response.status_code} {error.response.reason}.",
            "Check the address.",
        ) from error
    except requests.RequestException as error:
        raise CannotDownload(
            f"{urlsplit(address).hostname} can't be reached, or the download broke off.",
            "Check the network and the address, and try again.",
        ) from error
    except ValueError as error:  # how pooch says it
        raise CannotDownload(
            f"What came from {address} is not the file that its checksum (sha256) names.",
            "It was damaged or replaced: ask those who gave you the address.",
        ) from error
    except OSError as error:
        raise cannot_keep(folder, error) from error


def watched(
    work: Callable[[], T], meter: Meter, cancel: Cancel
) -> Generator[Event, None, T | None]:
    """Do ``work`` in a thread and tell how far it is; return what it returns, None if stopped."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="napari-splicer-download")
    try:
        future = pool.submit(work)
        while not future.done():
            wait([future], timeout=_TOLD_EVERY)
            done, total = meter.done, meter.total
            yield Progress(
                "open",
                (min(done, total) if total else done) // 1000,
                total // 1000 or None,
                "kB",
                message="Downloading",
            )
            if cancel.requested:
                return None
        return future.result()
    finally:
        meter.stopped = True
        pool.shutdown(wait=False)  # a server that says nothing more is not waited for


def make_cache(folder: Path) -> None:
    """Make the folder that downloads go to; CannotWrite if that does not go."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_keep(folder, error) from error


def cannot_keep(folder: Path, error: OSError) -> CannotWrite:
    """Return what to say where the cache can't be written to."""
    return CannotWrite(
        f"Downloaded models can't be kept in {folder} ({error.strerror or error}).",
        "Make room there, or download the model yourself and choose the file.",
    )


def _not_safe(address: str) -> CannotDownload:
    return CannotDownload(
        f"{address} is not a safe address: models come by https only.",
        "Use an address that begins with https://.",
    )
