"""A failure in words: a sentence for the person, and details for those who repair the program."""

from __future__ import annotations

import traceback

from napari_splicer.errors import SplicerError


def in_words(error: BaseException) -> str:
    """Say what went wrong: the input's fault in its own words, the program's as such.

    Examples
    --------
    >>> in_words(KeyError("DAPI"))
    "The program has made a mistake (KeyError: 'DAPI'). Try again; if it happens again, report it \
with the details."
    """
    if isinstance(error, SplicerError):
        return str(error)
    said = next(iter(str(error).strip().splitlines()), "")
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return (
        f"The program has made a mistake ({what}). Try again; if it happens again, report it with "
        "the details."
    )


def details_of(error: BaseException) -> str:
    """Return where in the program it arose; empty where the sentence says all there is to say."""
    explained = isinstance(error, SplicerError)
    if explained and error.__cause__ is None and not getattr(error, "__notes__", ()):
        return ""
    return "".join(traceback.format_exception(error)).strip()
