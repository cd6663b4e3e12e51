"""Where data come from: one way to look for every set."""
