"""The features of the catalogue, worked out on a matrix of resources and periods: pure, causal, compiled where it pays."""
