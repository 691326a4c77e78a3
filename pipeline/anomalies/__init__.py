"""What is unusual: what a detector owes, and how detectors vote. Pure."""
