"""A synthetic multiplex tissue in which one cell state can be seen only in a dim marker's pattern.

**The tissue.** A section of a tumour at 0.5 µm per pixel: tumour nests, stroma with fibres and
vessels, lymphoid aggregates, and a few holes. Every cell has a type, a shape, a nucleus, and its
own amount of each of twelve markers, with the spread that stained tissue has: cells of one type
differ in size and in every marker. The camera adds blur, out-of-focus haze (so neighbours spill
into each other), uneven illumination, background, photon noise and read noise.

**The subtle state.** A cytotoxic (CD8) T cell carries granules of granzyme B (GZMB). When it has
recognised its target it gathers them at one pole, at the immunological synapse (Stinchcombe and
Griffiths 2007, doi:10.1146/annurev.cellbio.23.090506.123521); at rest they are spread around the
nucleus. In this tissue a random half of the CD8 T cells is *engaged*, the other half *resting*, and
``contrast`` is the probability with which a granule of an engaged cell lies at its pole: 0 = both
states are drawn from one and the same distribution, 1 = plain to the eye at high zoom. For the same
seed, the dial moves granules and nothing else.

**What is equal by construction**, at every setting of the dial: the distributions of area, shape,
position, neighbours and of all means of all markers, granzyme B included. A granule at the pole
keeps the same relative distance from the cell's edge as one elsewhere, the pole points anywhere,
and after blur the light of all granules of a cell *within its mask* is scaled to an amount drawn
before its state. So no per-cell mean intensity can tell the two states apart, whatever the
classifier; their texture (spread, maximum, asymmetry of granzyme B) can.

The generator was fixed before any model was trained on it.
"""

from __future__ import annotations

from napari_splicer.samples.tissue import Tissue, synthetic_tissue

__all__ = ["Tissue", "synthetic_tissue"]
