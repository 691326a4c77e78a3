"""Which alerts fire, who is told of what and when, and in which words: pure, from rows, windows and a clock that is given."""
