"""A run file, changed by ``--set`` and ``--output``, and the folders that its paths start from."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_splicer.analysis_settings import chunk_of, component_of
from napari_splicer.config import RunConfig, load_run
from napari_splicer.errors import InvalidComponent, InvalidSettings, WouldOverwrite
from napari_splicer.pipeline import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_splicer.config import ImageInput


def parse_assignment(text: str) -> tuple[str, Any]:
    """Read one ``--set`` value: a dotted key and a value as TOML writes it.

    Text that is no TOML value counts as a string, so that ``device=cuda:0`` needs no quotes.
    Nothing after ``=`` unsets the value.

    Raises
    ------
    InvalidSettings
        If there is no ``=``.

    Examples
    --------
    >>> parse_assignment("training.epochs=5")
    ('training.epochs', 5)
    >>> parse_assignment("device=cpu")
    ('device', 'cpu')
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise InvalidSettings(
            f"'{text}' does not say what to set.", "Write it as key=value: training.epochs=5."
        )
    if not value.strip():
        return key.strip(), None
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


@dataclass(frozen=True)
class Images:
    """Images named on the command line, by patterns.

    Parameters
    ----------
    patterns : sequence of str
        Of paths.
    masks : str, optional
        Pattern of their masks; unset: where masks usually lie.
    panel : Path, optional
        Names the channels of all of them.
    """

    patterns: Sequence[str]
    masks: str | None = None
    panel: Path | None = None

    def find(self, folder: Path, *, masks_needed: bool) -> tuple[ImageInput, ...]:
        """Return an entry per image, with absolute paths; relative patterns start at ``folder``.

        Raises
        ------
        UnreadableFile, InvalidSettings
            As :mod:`napari_splicer.images.patterns` says.
        """
        from napari_splicer.config import ImageInput
        from napari_splicer.images.patterns import expand, with_usual_masks

        panel = None if self.panel is None else str(self.panel)
        named = [ImageInput(image=p, mask=self.masks, panel=panel) for p in self.patterns]
        found = expand(named, folder)
        if self.masks is None and masks_needed:
            found = with_usual_masks(found, folder)
        return tuple(_absolute(item, folder) for item in found)


@dataclass(frozen=True)
class Plan:
    """What a verb is to do, and where.

    Parameters
    ----------
    config : RunConfig
        The run file's settings with the changes from the command line.
    source : Path, optional
        The run file; its relative paths start at its folder. None where images were named instead.
    folder : RunFolder
        Where results go.
    """

    config: RunConfig
    source: Path | None
    folder: RunFolder

    @classmethod
    def load(cls, run: Path, changes: Iterable[str] = (), output: Path | None = None) -> Plan:
        """Read a run file and apply ``--set`` and ``--output``.

        Raises
        ------
        UnreadableFile, InvalidSettings
            If the file or a change can't be used.
        """
        config = _changed(load_run(run), changes)
        source = run.resolve()
        place = output.resolve() if output is not None else source.parent / config.output
        return cls(config=config, source=source, folder=RunFolder(place))

    @classmethod
    def of_images(
        cls, images: Images, trained: RunConfig, changes: Iterable[str], output: Path | None
    ) -> Plan:
        """Plan what a run of the settings ``trained`` does with other images.

        Device, precision and threads are chosen anew. Relative paths start at the working
        directory.

        Raises
        ------
        UnreadableFile, InvalidSettings
            If there is no such image, one of them has no mask, or a change can't be used.
        """
        here = Path.cwd()
        fresh = RunConfig()
        chosen_anew = {key: getattr(fresh, key) for key in ("device", "precision", "threads")}
        config = _changed(trained.model_copy(update=chosen_anew), changes)
        inputs = images.find(here, masks_needed=config.patches.sites == "cells")
        place = here / (output or fresh.output)
        config = config.model_copy(update={"inputs": inputs, "output": str(place)})
        return cls(config=config, source=None, folder=RunFolder(place))

    @property
    def base(self) -> Path:
        """Where relative paths start: the run file's folder, or the working directory."""
        return Path.cwd() if self.source is None else self.source.parent

    def refuse_to_overwrite(self, *paths: Path) -> None:
        """Raise if any of ``paths`` exists.

        Raises
        ------
        WouldOverwrite
            Naming the first one.
        """
        for path in paths:
            if path.exists():
                raise WouldOverwrite(
                    f"{path} exists already.",
                    "Add --overwrite to replace it, or choose another folder with --output.",
                )

    def refuse_to_retrain(self) -> None:
        """Raise if a model, or the settings of another run, lie where this one's are to go.

        Raises
        ------
        WouldOverwrite
            Naming what is there; a training that was stopped can be gone on with.
        """
        if self.folder.checkpoint.exists() and self._holds_a_stopped_training():
            raise WouldOverwrite(
                f"{self.folder.path} holds a training that was stopped.",
                "Add --resume to go on with it, --overwrite to replace it, or choose another "
                "folder with --output.",
            )
        self.refuse_to_overwrite(self.folder.model, self.folder.report)
        if self.folder.run_file != self.source:
            self.refuse_to_overwrite(self.folder.run_file)

    def _holds_a_stopped_training(self) -> bool:
        from napari_splicer.training.checkpoint import has_unfinished

        return self.folder.model.exists() or has_unfinished(self.folder.checkpoint)

    def check_components(self) -> None:
        """Refuse to train without components, before images are looked at.

        Raises
        ------
        InvalidComponent
            Naming the run file.
        """
        config = self.config
        if config.inputs and not config.components and config.model.objective != "je":
            raise InvalidComponent(
                f"{self.source or 'The run file'} names no component.",
                "Add [[components]] entries: 'napari-splicer init' with the same images writes a "
                "run file that suggests some.",
            )

    def check_sources(self) -> None:
        """Refuse to compare cells by components that a training by this plan does not make.

        Raises
        ------
        InvalidSettings
            Naming the setting.
        """
        config = self.config
        names = [component.name for component in config.components]
        objective = config.model.objective
        names += ["shared"] if config.model.shared and objective == "splicer" else []
        chunks = [chunk_of(name) for name in names if objective in ("splicer", "concat")]
        asked = {f"clusterings.{i}.source": c.sources for i, c in enumerate(config.clusterings)}
        asked |= {f"taught.{i}.sources": taught.sources for i, taught in enumerate(config.taught)}
        asked["projection.source"] = config.projection.sources
        for place, sources in asked.items():
            for source in sources:
                if component_of(source) is not None and source not in chunks:
                    offered = ", ".join(["combined", "representation", "intensity", *chunks])
                    raise InvalidSettings(
                        f"{place} names '{source}', but there will be no such chunk.",
                        f"Choose one of: {offered}.",
                    )

    def anchored(self, config: RunConfig, output: Path | str) -> RunConfig:
        """Return ``config`` with input paths that hold wherever it is kept, and ``output``."""
        from napari_splicer.images.patterns import expand

        inputs = tuple(_absolute(item, self.base) for item in expand(config.inputs, self.base))
        return config.model_copy(update={"inputs": inputs, "output": str(output)})

    def write_run_file(self, config: RunConfig) -> None:
        """Write ``config`` into the run's folder.

        A run file that lies there already and was the one read is left as it is.
        """
        from napari_splicer.files import write_text

        target = self.folder.run_file
        if target != self.source:
            write_text(target, self.anchored(config, ".").to_toml(), overwrite=True)


def _changed(config: RunConfig, changes: Iterable[str]) -> RunConfig:
    values = dict(parse_assignment(text) for text in changes)
    return config.with_values(values) if values else config


def _absolute(item: ImageInput, base: Path) -> ImageInput:
    """Return ``item`` with paths that don't depend on where the run file lies."""
    given = item.model_dump(include={"image", "mask", "panel"}, exclude_none=True)
    places = {name: str(base / path) for name, path in given.items()}
    regions = {name: str(base / path) for name, path in item.regions.items()}
    return item.model_copy(update={**places, "regions": regions})
