"""What does not fit a schema, in the words of the person who wrote it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_WORDS = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be a table, written in {{ }}",
    "finite_number": "must be a finite number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list, written in [ ]",
    "literal_error": "must be {expected}",
    "missing": "is missing",
    "model_attributes_type": "must be a table, written in {{ }}",
    "model_type": "must be a table, written in {{ }}",
    "string_too_short": "must not be empty",
    "string_type": "must be text",
    "too_short": "must name at least {min_length}",
    "tuple_type": "must be a list, written in [ ]",
    "union_tag_invalid": "must have {discriminator} = {expected_tags}",
    "union_tag_not_found": "must have a {discriminator}",
}


def mistakes(
    error: ValidationError,
    names: Collection[str] = (),
    patterns: Mapping[str, str] | None = None,
    given: Any = None,
) -> str:
    """Say what is wrong where.

    Parameters
    ----------
    error : ValidationError
    names : collection of str
        Names of settings, among which those that a mistyped one may stand for are looked for.
    patterns : mapping of str to str, optional
        Regular expressions of the schema, and what they ask for in words.
    given : optional
        What was checked: entries of its lists are then called by their names, where they have one.

    Examples
    --------
    >>> from pydantic import BaseModel, ValidationError
    >>> class Training(BaseModel, extra="forbid"):
    ...     steps: int
    >>> try:
    ...     Training.model_validate({"steps": "many", "stpes": 3})
    ... except ValidationError as found:
    ...     print(mistakes(found, names=["steps"]))
    steps must be a whole number, not 'many'; there is no setting stpes (perhaps steps?)
    """
    return "; ".join(_sentence(item, names, patterns or {}, given) for item in error.errors())


def _place(loc: Sequence[int | str], given: Any) -> str:
    """Return where in ``given`` something is, e.g. ``components 'tumour': width``."""
    said = joint = ""
    for part in loc:
        if isinstance(part, int) and given is not None and not isinstance(given, list | tuple):
            continue  # one thing was given, where the schema takes a list of one as well
        try:
            given = given[part]
        except (LookupError, TypeError):
            given = None
        name = given.get("name") if isinstance(part, int) and isinstance(given, dict) else None
        if isinstance(name, str) and name:
            said, joint = f"{said} '{name}'", ": "
        else:
            said, joint = f"{said}{joint}{part}", "."
    return said


def _sentence(
    item: ErrorDetails, names: Collection[str], patterns: Mapping[str, str], whole: Any
) -> str:
    place = _place(item["loc"], whole)
    context: dict[str, Any] = dict(item.get("ctx", {}))
    kind, given = item["type"], item["input"]
    if kind == "extra_forbidden":
        near = get_close_matches(str(item["loc"][-1]), names, n=1)
        return f"there is no setting {place}" + (f" (perhaps {near[0]}?)" if near else "")
    if kind == "value_error":
        return f"{place}: {context['error']}" if place else str(context["error"])
    words = patterns.get(context.get("pattern", ""), "") or _WORDS.get(kind, "").format(**context)
    if not words:
        return f"{place}: {item['msg']}"
    plain = kind != "missing" and isinstance(given, (str, int, float)) and given != ""
    return f"{place} {words}" + (f", not {given!r}" if plain else "")
