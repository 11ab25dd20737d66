"""``napari-splicer``: reads the words of the command line and runs the verb that they name."""

from __future__ import annotations

import logging
import sys
from inspect import cleandoc
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, CycloptsError, Group, Parameter

from napari_splicer import __version__
from napari_splicer.cli import describe, segment, share, start, verbs
from napari_splicer.cli.terminal import JsonLines, Prose, Terminal
from napari_splicer.errors import InvalidSettings, SplicerError, WouldOverwrite
from napari_splicer.training.launched import count_launched, first_to_tell, rank_launched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INTERRUPTED = 130  # as shells report a program that Ctrl+C ended

_HELP = """Find groups of cells in multiplex images with SpliCER.

Start with "napari-splicer demo": it trains on a synthetic tissue and takes a few minutes.

For your own images, write a run file with "napari-splicer init IMAGE --mask MASK", look at it in a
text editor, then go the whole way with "napari-splicer run run.toml", or step by step with train,
embed, cluster and export.
"""

_EXIT_CODES = """Exit codes:

  0: done
  1: an unexpected error
  2: the command or the run file has a mistake
  3: an image, mask or table can't be used
  4: channels and components don't match
  5: the model can't be used
  6: a file exists already or can't be written
  7: training failed
  8: an optional package is missing
  9: the scheduler or its workers failed
  130: stopped with Ctrl+C; what was done is kept
"""

_VERBS: tuple[Callable[..., int | None], ...] = (
    start.demo,
    segment.segment,
    start.init,
    verbs.run,
    verbs.train,
    verbs.embed,
    verbs.cluster,
    verbs.export,
    verbs.compare,
    describe.info,
    share.pack,
    start.gui,
)


def unwrapped(text: str) -> str:
    r"""Return ``text`` with every paragraph on one line, for the terminal to wrap.

    Examples
    --------
    >>> unwrapped("One\ntwo.\n\nThree.")
    'One two.\n\nThree.'
    """
    return "\n\n".join(" ".join(part.split()) for part in cleandoc(text).split("\n\n"))


app = App(
    name="napari-splicer",
    help=unwrapped(_HELP),
    help_epilogue=_EXIT_CODES,
    version=__version__,
    help_format="plaintext",
    default_parameter=Parameter(negative=(), show_default=False),
)
app.meta.group_parameters = Group("With every command", sort_key=9)
for _place, _verb in enumerate(_VERBS):
    app.command(_verb, help=unwrapped(_verb.__doc__ or ""), sort_key=_place)


@app.meta.default
def launch(
    *words: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    json: bool = False,
    quiet: bool = False,
    debug: bool = False,
) -> int:
    """Run the verb that ``words`` name.

    Parameters
    ----------
    json
        Print every event as one line of JSON on standard output, for programs.
    quiet
        Say nothing but warnings and errors.
    debug
        Show where in the program an error arose.
    """
    if not debug:  # what tifffile finds wrong with a file ends in a sentence of our own
        logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    verb, bound, asked = app.parse_args(words, exit_on_error=False)
    first = rank_launched() == 0
    terminal = Terminal(JsonLines() if json and first else Prose(quiet=quiet or not first))
    extra = dict.fromkeys(asked, terminal)
    try:
        if count_launched() > 1 and verb is not verbs.train:
            raise InvalidSettings(
                "torchrun starts several processes, and only 'train' divides its work among them.",
                "Start anything else without torchrun.",
            )
        code: int | None = verb(*bound.args, **bound.kwargs, **extra)
    except SplicerError as error:
        if debug:
            raise
        if first_to_tell():
            terminal.display.fail(_with_option(error))
        return error.exit_code
    return INTERRUPTED if terminal.stopped else code or 0


def _with_option(error: SplicerError) -> SplicerError:
    """Name the option that allows overwriting, which only this roof knows."""
    if not isinstance(error, WouldOverwrite) or "--overwrite" in error.advice:
        return error
    return WouldOverwrite(error.message, f"{error.advice} (Here: --overwrite.)")


def call(words: Sequence[str]) -> int:
    """Run ``words`` as the command line does; return the exit code."""
    try:
        code: int | None = app.meta(words, exit_on_error=False, result_action="return_value")
    except CycloptsError as error:  # told to people by cyclopts already
        if "--json" in words:
            JsonLines().fail(InvalidSettings(str(error), "See napari-splicer --help."))
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    return code or 0


def main() -> None:
    """Run the command line's words and end the process with their exit code."""
    sys.exit(call(sys.argv[1:]))
