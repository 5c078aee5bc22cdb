"""The whole mesh in one process, over embedded adapters: the same services, the same wiring, nothing to install."""
