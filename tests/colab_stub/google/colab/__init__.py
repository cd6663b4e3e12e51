"""Stands in for Colab's own package, of which the course uses next to nothing. To be put on the
path: tests/colab_stub."""
