"""The napari roof: session, readiness, commands and docks."""
