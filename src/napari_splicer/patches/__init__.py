"""Floor 3: components become patches on the device."""
