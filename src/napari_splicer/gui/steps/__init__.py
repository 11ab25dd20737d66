"""One small widget per step of the SpliCER dock."""
