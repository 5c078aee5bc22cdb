"""Measures the mesh from outside, as devices see it: load, history check, and CPU of the server for each message."""
