"""Floor 6: patches train a model."""
