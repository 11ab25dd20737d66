"""From a nuclear channel to a cell mask, for images that have none."""
