"""Floor 9: one file per format."""
