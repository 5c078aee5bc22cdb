"""MediaService: its place in the mesh. Each RPC answers UNIMPLEMENTED (NOT_YET_AVAILABLE) until its use case is here."""


class MediaServicer:
    """No RPC of it is served yet."""
