"""Beside the demonstration: which objective tells most about the cells of a person's own images."""
