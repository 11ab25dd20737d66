"""Every error that a user can meet: what is wrong, and what to do about it.

All derive from :class:`SplicerError`. ``str(error)`` is one or two sentences in the words of the
field (channels, masks, cells), ready to be shown in a dialog or on a terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class SplicerError(Exception):
    """Base of all errors that are the input's fault, not the program's.

    Parameters
    ----------
    message : str
        What is wrong, naming the file, channel, component or cell.
    advice : str
        What to do next.
    """

    exit_code: int = 1

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message, advice)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class InvalidSettings(SplicerError):
    """A run file, or a value given with ``--set``, that does not fit the schema."""

    exit_code = 2


class UnreadableFile(SplicerError):
    """A file that is missing, truncated, or not an image, mask, table or model."""

    exit_code = 3


class UnsupportedImage(SplicerError):
    """An image of a shape that can't be analysed (3-D, time series, no channel axis)."""

    exit_code = 3


class SizeMismatch(SplicerError):
    """An image and a mask, or two layers, of different height and width."""

    exit_code = 3


class InvalidMask(SplicerError):
    """A mask whose values are not cell ids: fractions, negative numbers, several channels."""

    exit_code = 3


class InvalidPanel(SplicerError):
    """A panel file, or a list of channel names, that does not fit the image."""

    exit_code = 3


class NoCells(SplicerError):
    """A mask without cells, or too few cells for what was asked."""

    exit_code = 3


class UnusableChannel(SplicerError):
    """A channel that is constant, or holds no finite number, where a usable one is needed."""

    exit_code = 3


class InvalidComponent(SplicerError):
    """A component without channels, with an unknown channel, or with a region that is not there."""

    exit_code = 4


class MissingChannels(SplicerError):
    """An image that lacks channels which a model was trained on."""

    exit_code = 4


class InvalidModel(SplicerError):
    """A folder that is not a model bundle, or one that is damaged or too new."""

    exit_code = 5


class CannotDownload(InvalidModel):
    """A model that can't be fetched: no network, no such address, another file than expected."""


class WouldOverwrite(SplicerError):
    """A file that exists already where one was to be written."""

    exit_code = 6


class CannotWrite(SplicerError):
    """A full disk, a folder without write permission."""

    exit_code = 6


class TrainingFailed(SplicerError):
    """Training that can't go on: the loss is not a number, or memory ran out."""

    exit_code = 7


class NotInstalled(SplicerError):
    """An optional package that the request needs."""

    exit_code = 8


class WorkersFailed(SplicerError):
    """A scheduler that can't be reached, or workers that differ from here, or die."""

    exit_code = 9


UNFORESEEN: tuple[type[Exception], ...] = (
    SplicerError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What may go wrong in others' readers and layers, where a person's work must outlast it."""


def listed(names: Sequence[str], most: int) -> str:
    """Return names in a row, the first ``most`` of them.

    Examples
    --------
    >>> listed(["CD3", "CD8", "DNA"], 2)
    'CD3, CD8 and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
