"""Floor 1: images and masks, lazy; numpy, dask and zarr, no torch."""
