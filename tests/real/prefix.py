"""Keys of a test's own in a part that others use too."""

from urllib.parse import urlencode, urlsplit


def with_prefix(url: str, prefix: str) -> str:
    """The URL of the same part, with a prefix for all keys beside the options that it has."""
    parts = urlsplit(url)
    own = urlencode({"prefix": prefix}, safe="/")
    return parts._replace(query=f"{parts.query}&{own}" if parts.query else own).geturl()
