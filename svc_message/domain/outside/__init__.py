"""Programs of the installation outside the mesh."""
