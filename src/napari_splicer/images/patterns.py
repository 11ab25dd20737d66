"""Many images from one pattern, each with the masks that belong to it."""

from __future__ import annotations

import glob
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_splicer.errors import InvalidSettings, UnreadableFile, listed
from napari_splicer.images.read import named_like_an_image, natural, stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari_splicer.config import ImageInput

USUAL_MASKS = (
    "{folder}/{stem}[-_.]mask.*",
    "{folder}/{stem}[-_.]masks.*",
    "{folder}/{stem}[-_.]cells.*",
    "{folder}/{stem}_cp_masks.*",  # Cellpose
    "{folder}/masks/{stem}.*",
    "{folder}/../masks/{stem}.*",  # steinbock: img/ and masks/
    "{folder}/../mask/{stem}.*",  # CyLinter: tif/ and mask/
    "{folder}/../segmentation/*-{stem}/cell.*",  # MCMICRO: registration/ and segmentation/
)
"""Where programs of the field put the mask of an image."""

_LISTED = 5
_SIGNS = ("{stem}", "{folder}")


@dataclass(frozen=True)
class Masked:
    """Images with the masks that were found for them.

    Attributes
    ----------
    inputs : tuple of ImageInput
        An entry per image; without a mask where none was found, or several.
    lacking : tuple of str
        Images for which there is none.
    unclear : mapping of str to tuple of str
        Several files that could be it, by image.
    """

    inputs: tuple[ImageInput, ...]
    lacking: tuple[str, ...]
    unclear: Mapping[str, tuple[str, ...]]


def expand(inputs: Iterable[ImageInput], folder: Path) -> tuple[ImageInput, ...]:
    """Return an entry per image, all its files named, of entries that may be patterns.

    An image's path may hold ``*``, ``?``, ``[…]`` and ``**``; what exists by that very name is
    taken for itself, a folder in a pattern too. In the paths of masks, ``{stem}`` stands for the
    image's name without extensions and ``{folder}`` for the folder that it lies in; what is then
    still a pattern must fit one file. Images come in natural order: slide 2 before slide 10.

    Parameters
    ----------
    inputs : iterable of ImageInput
    folder : Path
        Where relative paths start.

    Raises
    ------
    UnreadableFile
        If nothing fits an image's pattern, or images have no mask, or several, naming them.
    InvalidSettings
        If several images would share a mask or a name.
    """
    found = tuple(one for item in inputs for one in _expanded(item, folder))
    files = defaultdict(list)
    for item in found:
        files[item.name or stem(Path(item.image))].append(item.image)
    for name, images in files.items():
        if len(images) > 1:
            raise InvalidSettings(
                f"Two images are called {name}: {listed(images, _LISTED)}.",
                "Rename a file, or give each an [[inputs]] entry with a 'name' of its own in a "
                "run file: cells are told apart by it.",
            )
    return found


def with_usual_masks(inputs: Sequence[ImageInput], folder: Path) -> tuple[ImageInput, ...]:
    """Return ``inputs``, each with the mask that lies where masks usually lie.

    An entry that is the mask of another one is left out, so that ``*.tif`` may fit both.

    Parameters
    ----------
    inputs : sequence of ImageInput
        An entry per image, as :func:`expand` returns them.
    folder : Path
        Where relative paths start.

    Raises
    ------
    UnreadableFile
        If images have no mask, or several files could be it, naming them.
    """
    found = usual_masks(inputs, folder)
    for image, several in found.unclear.items():
        _only(image, several, "mask")
    if found.lacking:
        raise UnreadableFile(
            f"No mask was found for {len(found.lacking)} of {len(found.inputs)} images: "
            f"{listed(found.lacking, _LISTED)}.",
            'Say where masks lie, for example --masks "{folder}/{stem}_mask.tif", or embed tiles: '
            "--set patches.sites=grid.",
        )
    return found.inputs


def usual_masks(inputs: Sequence[ImageInput], folder: Path) -> Masked:
    """Do the same as :func:`with_usual_masks`, and go on without what is not found."""
    candidates = {item.image: _masks_beside(item.image, folder) for item in inputs}
    masks = {
        (folder / path).resolve()
        for image, found in candidates.items()
        for path in found
        if path != image  # an OME-Zarr image with its label image within
    }
    images = [item for item in inputs if (folder / item.image).resolve() not in masks]
    clear = {image: found for image, found in candidates.items() if len(found) == 1}
    return Masked(
        inputs=tuple(
            item.model_copy(update={"mask": clear[item.image][0]}) if item.image in clear else item
            for item in images
        ),
        lacking=tuple(item.image for item in images if not candidates[item.image]),
        unclear={
            item.image: tuple(candidates[item.image])
            for item in images
            if len(candidates[item.image]) > 1
        },
    )


def _masks_beside(image: str, folder: Path) -> list[str]:
    found = [path for usual in USUAL_MASKS for path in _fitting(usual, image, folder)]
    if (folder / image / "labels").is_dir():
        found.append(image)
    return [path for path in found if named_like_an_image(Path(path))]


def _expanded(item: ImageInput, folder: Path) -> list[ImageInput]:
    """Return an entry for every image that one entry stands for."""
    images = _images(item.image, folder)
    files = {} if item.mask is None else {"mask": item.mask}
    files |= {f"region {name}": path for name, path in item.regions.items()}
    if len(images) > 1:
        _check_own_files(item, images, files)
    found = {what: _one_each(what, path, images, folder) for what, path in files.items()}
    return [
        item.model_copy(
            update={
                "image": image,
                "mask": found["mask"][i] if item.mask is not None else None,
                "regions": {name: found[f"region {name}"][i] for name in item.regions},
            }
        )
        for i, image in enumerate(images)
    ]


def _images(pattern: str, folder: Path) -> list[str]:
    if not glob.has_magic(pattern) or (folder / pattern).exists():
        return [pattern]
    found = _glob(pattern, folder)
    if not found:
        raise UnreadableFile(
            f"No image fits '{pattern}' in {folder.resolve()}.",
            "Check the folder and the pattern: * stands for any letters, ** for any folders.",
        )
    return sorted(found, key=lambda path: [natural(part) for part in Path(path).parts])


def _check_own_files(item: ImageInput, images: Sequence[str], files: dict[str, str]) -> None:
    """Refuse a name or a mask that several images would share."""
    if item.name is not None:
        raise InvalidSettings(
            f"{len(images)} images fit '{item.image}', and all would be called {item.name}.",
            "Leave 'name' out: each is then called by its file.",
        )
    for what, path in files.items():
        if not any(sign in path for sign in _SIGNS):
            raise InvalidSettings(
                f"{len(images)} images fit '{item.image}', and all would have the {what} {path}.",
                "Write {stem} where the image's name is: '{folder}/{stem}_mask.tif'.",
            )


def _one_each(what: str, pattern: str, images: Sequence[str], folder: Path) -> list[str]:
    """Return the file that fits ``pattern`` for each image, naming those that have none."""
    alone = not any(sign in pattern for sign in _SIGNS)
    if alone and (not glob.has_magic(pattern) or (folder / pattern).exists()):
        return [pattern]
    found = [_only(image, _fitting(pattern, image, folder), what) for image in images]
    lacking = [
        f"{image} ({_filled(pattern, image)})"
        for image, path in zip(images, found, strict=True)
        if path is None
    ]
    if lacking:
        raise UnreadableFile(
            f"There is no {what} for {len(lacking)} of {len(images)} images: "
            f"{listed(lacking, _LISTED)}.",
            "Correct the pattern of the masks, or leave these images out.",
        )
    return [path for path in found if path is not None]


def _only(image: str, paths: Sequence[str], what: str) -> str | None:
    if len(paths) > 1:
        raise UnreadableFile(
            f"Several files could be the {what} of {image}: {listed(paths, _LISTED)}.",
            "Say which with a pattern that fits one of them, for example --masks "
            '"{folder}/{stem}_mask.tif" (in a run file: mask).',
        )
    return next(iter(paths), None)


def _fitting(pattern: str, image: str, folder: Path) -> list[str]:
    path = _filled(pattern, image)
    if (folder / path).exists():
        return [str(Path(path))]
    escaped = pattern
    for sign, text in _meaning(image).items():
        escaped = escaped.replace(sign, glob.escape(text))
    return sorted(_glob(escaped, folder))


def _glob(pattern: str, folder: Path) -> list[str]:
    # Unlike Path.glob, this takes absolute patterns, and leaves relative paths relative.
    found = glob.glob(_plain(pattern, folder), root_dir=folder, recursive=True)  # noqa: PTH207
    return [str(Path(path)) for path in found]


def _plain(pattern: str, folder: Path) -> str:
    """Return a pattern in which folders that are there stand for themselves: "slides [2024]"."""
    path = Path(pattern)
    for parent in path.parents:
        if glob.has_magic(str(parent)) and (folder / parent).is_dir():
            rest = str(path.relative_to(parent))
            return str(Path(glob.escape(str(parent))) / rest)
    return pattern


def _filled(pattern: str, image: str) -> str:
    for sign, text in _meaning(image).items():
        pattern = pattern.replace(sign, text)
    return pattern


def _meaning(image: str) -> dict[str, str]:
    return dict(zip(_SIGNS, (stem(Path(image)), str(Path(image).parent)), strict=True))
