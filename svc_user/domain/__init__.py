"""The rules of accounts, sessions and friendships, and the ports that they need. Pure Python and mesh.errors."""
