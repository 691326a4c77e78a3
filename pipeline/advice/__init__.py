"""What to do about an estate: what recommenders see, how they answer, and what can be done together. Pure."""
