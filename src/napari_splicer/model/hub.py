"""Models of the Hugging Face hub, fetched by its own package into a cache of this computer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_splicer.errors import CannotDownload
from napari_splicer.model.downloads import PATIENCE, Meter, cannot_keep, make_cache, watched
from napari_splicer.model.record import LARGEST_RECORD, RECORD, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_splicer.events import Cancel, Event


def download_from_hub(
    name: str, revision: str | None, folder: Path, cancel: Cancel
) -> Generator[Event, None, Path | None]:
    """Fetch a model of the Hugging Face hub; return its folder, called like its commit.

    Parameters
    ----------
    name : str
        ``owner/name``.
    revision : str, optional
        Branch, tag or commit; unset: the newest.
    folder : Path
        The hub's cache.
    cancel : Cancel

    Raises
    ------
    CannotDownload
        If there is no such model, the hub can't be reached, or it holds no bundle.
    """
    make_cache(folder)
    meter = Meter(folder)
    return (yield from watched(lambda: _from_hub(name, revision, folder, meter), meter, cancel))


def _from_hub(name: str, revision: str | None, folder: Path, meter: Meter) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        HFValidationError,
        HTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[misc]  # untyped
        def __init__(self, *_: Any, total: float | None = None, **__: Any) -> None:
            super().__init__(disable=True)
            meter.reset()
            meter.total = int(total or 0)

        def update(self, n: float | None = 1) -> None:
            meter.update(int(n or 0))

    def file(file_name: str, revision: str | None) -> Path:
        return Path(
            hf_hub_download(
                name, file_name, revision=revision, cache_dir=folder, tqdm_class=Bar,
                etag_timeout=PATIENCE,
            )
        )  # fmt: skip

    where = f"The model {name} of the Hugging Face hub"
    try:
        record = file(RECORD, revision)
        if record.stat().st_size > LARGEST_RECORD:
            raise CannotDownload(f"{where} has a {RECORD} far larger than any model's.")
        return file(WEIGHTS, record.parent.name).parent  # of the same commit
    except LocalEntryNotFoundError as error:
        raise CannotDownload(
            "The Hugging Face hub can't be reached, and the model is not on this computer yet.",
            "Check the network, and try again.",
        ) from error
    except EntryNotFoundError as error:
        raise CannotDownload(
            f"{where} is no SpliCER model: it lacks {RECORD} or {WEIGHTS}.", "Choose another."
        ) from error
    except RevisionNotFoundError as error:
        raise CannotDownload(f"{where} has no revision {revision}.", "Check its name.") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise CannotDownload(
            f"There is no folder, file or model of the Hugging Face hub called {name}, or it is "
            "private.",
            "Check its name; for a private one, log in with 'hf auth login'.",
        ) from error
    except HfHubHTTPError as error:
        raise CannotDownload(
            f"The Hugging Face hub refuses {name} ({error.response.status_code}).",
            "Try again later.",
        ) from error
    except HTTPError as error:
        raise CannotDownload(
            f"The download of {name} broke off.", "Check the network, and try again."
        ) from error
    except OSError as error:
        raise cannot_keep(folder, error) from error
