"""Which version this is, and which versions of which packages made a result."""

from __future__ import annotations

try:
    from napari_splicer._version import __version__
except ImportError:  # a source tree that was never built
    __version__ = "0.1.0.dev0"

__all__ = ["__version__", "package_versions"]


def package_versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python, of napari-splicer, and of those ``packages`` that are there.

    Examples
    --------
    >>> list(package_versions("numpy", "no-such-package"))
    ['python', 'napari-splicer', 'numpy']
    """
    import platform
    from importlib.metadata import PackageNotFoundError, version

    versions = {"python": platform.python_version(), "napari-splicer": __version__}
    for name in packages:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
