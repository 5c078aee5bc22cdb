"""SettingsService: its place in the mesh; each RPC answers UNIMPLEMENTED (NOT_YET_AVAILABLE) as yet."""


class SettingsServicer:
    """No RPC of it is served yet: everyone has the defaults that the contract names."""
