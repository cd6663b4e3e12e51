"""What teachers and maintainers use: the command ``coursekit``. Notebooks never import this."""
