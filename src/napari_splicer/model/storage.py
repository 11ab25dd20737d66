"""Tensors on disk: safetensors files that appear whole or not at all, and are checked when read.

Nothing here unpickles. What a file claims is compared with what is expected before memory is taken.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from napari_splicer.errors import CannotWrite, InvalidModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

Shapes: TypeAlias = "Mapping[str, tuple[int, ...]]"

_ADVICE = {
    errno.ENOSPC: "The disk is full: free some space, or choose another folder.",
    errno.EDQUOT: "Your quota on this disk is used up: free some space, or choose another folder.",
    errno.EACCES: "You may not write there: choose another folder.",
    errno.EPERM: "You may not write there: choose another folder.",
    errno.EROFS: "This disk can only be read: choose another folder.",
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` met while writing ``path`` into :class:`CannotWrite`, with advice."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be written ({error.strerror or error}).",
            _ADVICE.get(error.errno or 0, "Check the folder, or choose another one."),
        ) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, bring it to the disk, and rename it to ``path``.

    A file that was there is replaced; if writing fails, it is left as it was.

    Raises
    ------
    CannotWrite
        If the disk is full or the folder can't be written to.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)


def pack(tensors: Mapping[str, Tensor], about: Mapping[str, str] | None = None) -> bytes:
    """Return the content of a safetensors file; ``about`` goes into its header."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(plain, metadata=dict(about) if about else None)


def read_about(path: Path) -> dict[str, str]:
    """Return what :func:`pack` put into the header.

    Raises
    ------
    InvalidModel
        If the file is missing, truncated or no safetensors file.
    """
    with _opened(path) as file:
        return dict(file.metadata() or {})


def read_tensors(path: Path, expected: Shapes | None = None) -> dict[str, Tensor]:
    """Read all tensors of a file, on the CPU.

    Parameters
    ----------
    path : Path
    expected : mapping of str to tuple of int, optional
        Shapes; compared with the file's header before anything is read.

    Raises
    ------
    InvalidModel
        If the file is missing, truncated or no safetensors file, or holds other tensors.
    """
    with _opened(path) as file:
        if expected is not None:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            _compare(path, found, expected)
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names, types, shapes and values, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except OSError as error:
        raise InvalidModel(
            f"The model file {path} cannot be read ({error.strerror or error}).",
            "Check the path, or copy the model again.",
        ) from error
    except SafetensorError as error:
        raise InvalidModel(
            f"The model file {path} is damaged or incomplete ({error}).", "Copy the model again."
        ) from error


def _compare(path: Path, found: Shapes, expected: Shapes) -> None:
    wrong = sorted(
        name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)
    )
    if wrong:
        name = wrong[0]
        raise InvalidModel(
            f"The weights in {path} do not fit the network that the model describes: '{name}' has "
            f"the shape {found.get(name, 'of nothing')}, not {expected.get(name, 'of nothing')}"
            + (f", and {len(wrong) - 1} more differ." if len(wrong) > 1 else "."),
            "The model folder holds files of two models: copy it again.",
        )
