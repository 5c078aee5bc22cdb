"""MediaService: its place in the mesh; each RPC answers UNIMPLEMENTED (NOT_YET_AVAILABLE) as yet."""


class MediaServicer:
    """No RPC of it is served yet."""
