"""When capacity runs out, how likely that is, and how good such words were. Pure."""
