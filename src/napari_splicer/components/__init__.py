"""Floor 2: channels and regions become components; no torch."""
