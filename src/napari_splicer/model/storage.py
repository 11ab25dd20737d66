"""Tensors on disk: safetensors files, checked when they are read.

Nothing here unpickles. What a file claims is compared with what is expected before memory is taken.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from napari_splicer.errors import InvalidModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

Shapes: TypeAlias = "Mapping[str, tuple[int, ...]]"


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
