"""A terminal for operators: `python -m parley_terminal admin`."""
