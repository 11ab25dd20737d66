"""Write the tables of docs/run-file.md from the settings themselves: run it after changing one.

python docs/make_run_file_reference.py
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from napari_splicer import config

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

PAGE = Path(__file__).with_name("run-file.md")
BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"

SECTIONS: dict[str, type[config.Settings]] = {
    "At the top": config.RunConfig,
    "[[inputs]]": config.ImageInput,
    "[[components]]": config.Component,
    "[components.region]": config.Region,
    "[components.region.section] as a rectangle": config.Rectangle,
    "[components.region.section] as a ring": config.Ring,
    "[patches]": config.PatchSettings,
    "[normalization]": config.NormalizationSettings,
    "[augmentation]": config.AugmentationSettings,
    "[model]": config.ModelSettings,
    "[training]": config.TrainingSettings,
    "[embedding]": config.EmbeddingSettings,
    "[[clusterings]]": config.ClusteringSettings,
    "[clusterings.edited]": config.EditedGroups,
    "[[clusterings.edited.groups]]": config.EditedGroup,
    "[[taught]]": config.TaughtSettings,
    "[[taught.types]]": config.CellType,
    "[projection]": config.ProjectionSettings,
    "[export]": config.ExportSettings,
}


def settings_tables() -> str:
    """Return every section as a heading, what it is for, and a table of its settings."""
    return "\n".join(_section(title, kind) for title, kind in SECTIONS.items())


def page(text: str) -> str:
    """Return ``text`` with what stands between the two marks renewed."""
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n\n{settings_tables()}\n{END}{tail}"


def _section(title: str, kind: type[config.Settings]) -> str:
    purpose = "" if kind is config.RunConfig else inspect.cleandoc(kind.__doc__ or "") + "\n\n"
    rows = [
        f"| `{name}` | {_default(field)} | {field.description}{_choices(field)} |"
        for name, field in kind.model_fields.items()
        if field.description
    ]
    table = "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])
    return f"### {title}\n\n{purpose.replace('``', '`')}{table}\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    if field.default is None:
        return "unset"
    if isinstance(field.default, config.Region):
        return "the whole patch"
    return f"`{_toml(field.default)}`"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return str(value)


def _choices(field: FieldInfo) -> str:
    """Return the words that a setting can be, where there are several."""
    kind: Any = field.annotation
    if get_origin(kind) is tuple:
        kind = get_args(kind)[0]
    words = get_args(kind) if get_origin(kind) is Literal else ()
    return f" ({', '.join(f'`{_toml(word)}`' for word in words)})" if len(words) > 1 else ""


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
