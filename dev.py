#!/usr/bin/env python3
"""Set up napari-splicer in a clone of its repository and run it; needs Python and pip alone.

    python3 dev.py demo   installs it into .venv and runs the demonstration
    python3 dev.py gui    installs it into .venv and opens napari with the plugin docked
    python3 dev.py test   installs what the tests need and runs every check

What follows the verb is passed on: files to `gui`, options to `demo`, options of pytest to `test`
(which then runs pytest alone, e.g. `python3 dev.py test -k mask`). `test --pyside6` runs those of
the window with PySide6 instead of PyQt6.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - read by older Pythons, to say so in a sentence
    sys.exit(
        f"napari-splicer needs Python 3.11 or newer, and this is Python {sys.version.split()[0]}. "
        "Install a newer one from python.org, then name it here: python3.12 dev.py demo"
    )

import ctypes
import hashlib
import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")

# What Qt's xcb plugin and a virtual display need, and the Debian package that has it.
PROGRAMS = {"Xvfb": "xvfb"}
LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libOpenGL.so.0": "libopengl0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
}

PYSIDE = "--pyside6"
# 6.12.0 forgets a reference to None whenever events are processed: Python 3.11 soon aborts.
PYSIDE_PACKAGE = "PySide6-Essentials!=6.12.0"
WORKERS = 4  # of the tests at most: each takes up to 4 GB, a display and a core

CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "import contracts": ["lint-imports"],
    "plugin manifest": ["npe2", "validate", "napari-splicer"],
}


def run(command: Sequence[str | Path]) -> int:
    """Run ``command`` in the clone, shown as it would be typed; return its exit code.

    Ctrl+C is left to the command, which may want to keep what it has done; then this ends too.
    """
    words = [str(word) for word in command]
    print("\n$ " + shlex.join(words), flush=True)
    interrupts: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        code = subprocess.run(words, cwd=HERE).returncode
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupts:
        sys.exit(130)
    return code


def usable(python: Path) -> bool:
    """Whether ``python`` starts and is new enough."""
    question = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([str(python), "-c", question]).returncode == 0
    except OSError:
        return False


def make_environment() -> list[str]:
    """Make ``.venv`` where there is none that works; return the pip that installs into it."""
    outside = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    if not usable(PYTHON):
        # Debian keeps ensurepip in a package of its own (python3-venv): do without it.
        without = [] if importlib.util.find_spec("ensurepip") else ["--without-pip"]
        if run([sys.executable, "-m", "venv", "--clear", *without, VENV]) != 0:
            sys.exit("A virtual environment could not be made in .venv: see the lines above.")
    if (BIN / "pip").exists() or (BIN / "pip.exe").exists():
        return [str(PYTHON), "-m", "pip"]
    if importlib.util.find_spec("pip") is None:
        sys.exit("This Python has no pip. Install it (Debian: apt-get install python3-pip) first.")
    return outside


def install(extra: str) -> None:
    """Install the clone with its ``extra`` into ``.venv``, unless that is there already."""
    pip = make_environment()
    stamp = VENV / f"installed-{extra}"
    wanted = hashlib.sha256((HERE / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    add(pip, "--editable", f".[{extra}]")
    stamp.write_text(wanted)


def add(pip: list[str], *packages: str) -> None:
    """Install ``packages`` into ``.venv``."""
    if run([*pip, "install", *packages]) != 0:
        sys.exit("Installing failed: see pip's message above.")


def loads(library: str) -> bool:
    """Whether the system finds a shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing_packages() -> list[str]:
    """Return the Debian packages that a napari window without a screen still lacks here."""
    if not sys.platform.startswith("linux"):
        return []
    programs = [package for name, package in PROGRAMS.items() if not shutil.which(name)]
    return programs + [package for name, package in LIBRARIES.items() if not loads(name)]


def administrator() -> list[str] | None:
    """Return what goes before an administrator's command, None where there is no right to it."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    allowed = subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0
    return ["sudo", "-n"] if allowed else None


def install_system_packages() -> list[str]:
    """Install what Qt needs where that is allowed; return what is missing afterwards."""
    missing = missing_packages()
    if not missing or not shutil.which("apt-get"):
        return missing
    before = administrator()
    if before is None:
        return missing
    run([*before, "apt-get", "update", "-q"])
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive"]
    run([*before, *quiet, "apt-get", "install", "-qy", "--no-install-recommends", *missing])
    return missing_packages()


def pytest(arguments: list[str], missing: list[str]) -> int:
    """Run the tests, those of the napari window on a virtual display; return the exit code."""
    command = [PYTHON, "-m", "pytest", *arguments]
    return run([*command, "-m", "not gui"] if missing else command)


def demo(arguments: list[str]) -> int:
    """Install the package and run the demonstration."""
    install("all")
    if run([BIN / "napari-splicer", "demo", *arguments]) != 0:
        return 1
    print("\nTo try it on your own images, open napari with the plugin: python3 dev.py gui")
    return 0


def gui(arguments: list[str]) -> int:
    """Install the package and open napari."""
    install("all")
    return run([BIN / "napari-splicer", "gui", *arguments])


def test(arguments: list[str]) -> int:
    """Install what the tests need and run them: with ``arguments`` only pytest, else all checks."""
    install("test")
    missing = install_system_packages()
    failed = []
    if PYSIDE in arguments:
        add(make_environment(), PYSIDE_PACKAGE)
        os.environ["QT_API"] = "pyside6"
        others = [argument for argument in arguments if argument != PYSIDE]
        arguments = ["-o", "qt_api=pyside6", *(others or ["tests/gui"])]
    if not arguments:
        for name, (program, *rest) in CHECKS.items():
            if run([BIN / program, *rest]) != 0:
                failed.append(name)
        workers = min(os.cpu_count() or 1, WORKERS)
        together = [f"-n{workers}", "--dist=loadfile", "--no-loadscope-reorder"]
        arguments = ["--cov", "--cov-report=term", *together]
    if pytest(arguments, missing) != 0:
        failed.append("tests")
    if missing:
        failed.append("tests of the napari window, which could not run")
        print(
            "\nThe tests of the napari window did not run. This system lacks, in Debian's names: "
            f"{' '.join(missing)}\nInstall them, or have your administrator do so: "
            f"sudo apt-get install {' '.join(missing)}"
        )
    if failed:
        print("\nFailed: " + ", ".join(failed))
    return 1 if failed else 0


VERBS = {"demo": demo, "gui": gui, "test": test}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in VERBS:
        print(__doc__)
        sys.exit(0 if sys.argv[1:] in (["-h"], ["--help"]) else 2)
    sys.exit(VERBS[sys.argv[1]](sys.argv[2:]))
