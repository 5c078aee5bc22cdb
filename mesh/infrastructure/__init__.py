"""Adapters of the mesh's ports: one external system, one file."""
