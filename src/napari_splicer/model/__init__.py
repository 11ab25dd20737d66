"""Floor 4: encoders, component branches, losses, and the bundle on disk."""
