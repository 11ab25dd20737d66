"""Projects: all that a person did in a window, in one folder ``*.splicer``."""
