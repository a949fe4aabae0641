"""The pure core: one patient's way through one pathway, as functions without clock, chance or I/O."""
