"""What the bare server answers. Whatever a baseline needs to vary is in the first message of a stream."""

import struct
from typing import Final

ECHO: Final = "/bench.Raw/Echo"
"""Each message comes back."""

LISTEN: Final = "/bench.Raw/Listen"
"""A member of the one group: gets what is posted."""

POST: Final = "/bench.Raw/Post"
"""Each message goes to all who listen, and then comes back."""

PAGES: Final = "/bench.Raw/Pages"
"""Answers pages of records: see `PageOrder`."""

PAGE_ORDER: Final = struct.Struct("<IIQ")
"""How many pages, how many records are in each, and how many bytes a record has."""
