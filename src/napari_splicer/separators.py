"""What separates the columns of a table in plain text."""

from __future__ import annotations


def separator_of(header: str) -> str:
    """Return what separates the columns in the first line of a table: comma, semicolon or tab.

    Spreadsheets write semicolons where numbers have a decimal comma.

    Examples
    --------
    >>> separator_of("channel;name;keep")
    ';'
    """
    return max(",;\t", key=header.count)
