"""Whether data is what its table declares, before it is published."""
