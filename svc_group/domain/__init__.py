"""The rules of groups, and the ports that they need. Imports nothing but Python and mesh.errors."""
