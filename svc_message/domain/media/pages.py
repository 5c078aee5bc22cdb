"""What a web page says about itself in its head. All of it is text from strangers, and is read as nothing else."""

import html
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

HEAD: Final = 512 * 1024
"""Characters that are looked at."""

META: Final = re.compile(r"<meta\b([^<>]{1,4096})>", re.IGNORECASE)
TITLE: Final = re.compile(r"<title\b[^<>]{0,256}>([^<]{0,2048})", re.IGNORECASE)
ATTRIBUTE: Final = re.compile(r"""([a-zA-Z:-]{1,32})\s{0,8}=\s{0,8}(?:"([^"]{0,4096})"|'([^']{0,4096})')""")
CHARSET: Final = re.compile(r"charset=[\"']?([a-zA-Z0-9_-]{1,32})")

TITLES: Final = ("og:title", "twitter:title")
TEXTS: Final = ("og:description", "twitter:description", "description")
IMAGES: Final = ("og:image:secure_url", "og:image", "twitter:image")


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says; `image` is an address in it, which may be relative and anything."""

    title: str = ""
    description: str = ""
    site_name: str = ""
    image: str = ""


def read(content: bytes, content_type: str) -> Page:
    """What is in the head of a page. Never raises: what cannot be read says nothing."""
    text = content[:HEAD].decode(_charset(content, content_type), "replace")
    said = dict(_meta(text))
    title = TITLE.search(text)
    return Page(
        _shown(_first(said, TITLES) or (title[1] if title else ""), 200),
        _shown(_first(said, TEXTS), 500),
        _shown(said.get("og:site_name", ""), 100),
        html.unescape(_first(said, IMAGES)).strip(),
    )


def _charset(content: bytes, content_type: str) -> str:
    found = CHARSET.search(content_type) or CHARSET.search(content[:2048].decode("latin-1"))
    name = found[1] if found else "utf-8"
    try:
        return name if "a".encode(name) == b"a" else "utf-8"
    except (LookupError, UnicodeError, TypeError):
        return "utf-8"


def _meta(text: str) -> list[tuple[str, str]]:
    """Names and contents; the first of a name comes last, so that it counts."""
    found: list[tuple[str, str]] = []
    for match in META.finditer(text):
        attributes = {name.lower(): one or other for name, one, other in ATTRIBUTE.findall(match[1])}
        name = attributes.get("property") or attributes.get("name") or ""
        found.insert(0, (name.lower(), attributes.get("content", "")))
    return found


def _first(said: dict[str, str], names: tuple[str, ...]) -> str:
    return next((said[name] for name in names if said.get(name)), "")


def _shown(text: str, length: int) -> str:
    """Without what steers a screen: control characters, and those that turn the direction of writing."""
    plain = "".join(
        " " if unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn") else one
        for one in html.unescape(text)
    )
    return " ".join(plain.split())[:length]
