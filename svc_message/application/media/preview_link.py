"""Say what a web page says about itself: fetched here, so that those who read a link tell nobody where they are.

This is a server that asks where strangers tell it to. So each step, redirects included, is judged by the words of the
address, then by all addresses that its name leads to, and goes to one of those that were judged.
"""

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

from mesh import errors
from mesh.clock import Clock
from mesh.errors import MeshError
from mesh.limits import Rate, TokenBuckets
from mesh.seats import Seats
from svc_message.application.media.upload import Uploads
from svc_message.domain.conversation import UserId
from svc_message.domain.media import links, pages
from svc_message.domain.media import types as media_types
from svc_message.domain.media.file import Claim, MediaKind, MediaState, Purpose
from svc_message.domain.media.web import Answer, Names, Web
from svc_message.domain.reasons import Reason

SECONDS: Final = 5.0
"""For a page, and again for its picture, with all redirects."""

MAX_BYTES: Final = 2 * 1024 * 1024
REDIRECTS: Final = 5
AT_ONCE: Final = 32
"""Pages that one node fetches at a time; for more, the one that takes longest makes room."""

OF_ONE: Final = 2
"""Of these, how many for one user: a page may be as slow as its owner likes."""

EACH: Final = Rate(burst=20, per_second=1.0)
"""Pages that one user may have fetched."""

PAGES: Final = ("text/html", "application/xhtml+xml")
OK: Final = 200


@dataclass(frozen=True, slots=True)
class Preview:
    """What to show for a link; `image_media_id` is a media of the caller, or empty."""

    title: str = ""
    description: str = ""
    site_name: str = ""
    image_media_id: str = ""


class Previews:
    """Fetches pages; nothing is fetched when there is no `web`."""

    def __init__(self, web: Web | None, names: Names, uploads: Uploads, clock: Clock) -> None:
        self._web = web
        self._names = names
        self._uploads = uploads
        self._seats = Seats(AT_ONCE, OF_ONE, of="previews")
        self._each = TokenBuckets(EACH, clock)

    async def of(self, user_id: UserId, url: str, locale: str) -> Preview:  # noqa: ARG002 - pages are asked in no language yet
        """The preview of a page. Raises LINK_REFUSED, LINK_UNREACHABLE, RATE_LIMITED, OVERLOADED."""
        links.checked(url)
        self._each.take(user_id)
        async with self._seats.take(user_id):
            answer, final = await self._fetch(url, "text/html")
            if answer.content_type.partition(";")[0].strip().lower() not in PAGES:
                return Preview()
            page = pages.read(answer.content, answer.content_type)
            picture = await self._picture(user_id, urljoin(final, page.image)) if page.image else ""
        return Preview(page.title, page.description, page.site_name, picture)

    async def _fetch(self, url: str, accept: str) -> tuple[Answer, str]:
        """The answer at the end of all redirects, and its address."""
        try:
            async with asyncio.timeout(SECONDS):
                for _ in range(REDIRECTS + 1):
                    link = links.checked(url)
                    answer = await self._ask(link, accept)
                    if not answer.location:
                        return _content(answer), link.url
                    url = urljoin(link.url, answer.location)
        except TimeoutError:
            raise errors.deadline(Reason.LINK_UNREACHABLE, "the page is too slow") from None
        raise links.unreachable("the page sends from one address to the next")

    async def _ask(self, link: links.Link, accept: str) -> Answer:
        if self._web is None:
            raise links.refused("this installation fetches no pages")
        addresses = await self._names.addresses(link.host)
        if not addresses:
            raise links.unreachable("there is no such host")
        if not all(map(links.public, addresses)):
            raise links.private()
        return await self._web.get(link, addresses[0], MAX_BYTES, accept)

    async def _picture(self, user_id: UserId, url: str) -> str:
        """A copy of a page's picture as a media of the caller; empty when it cannot be had, for whatever reason."""
        try:
            answer, _ = await self._fetch(url, "image/*")
            return await self._copy(user_id, answer)
        except (MeshError, ValueError):
            return ""

    async def _copy(self, user_id: UserId, answer: Answer) -> str:
        content_type = media_types.usual(answer.content_type.partition(";")[0].strip().lower())
        if media_types.kind_of(content_type) is not MediaKind.IMAGE or not answer.content:
            return ""
        digest = hashlib.sha256(answer.content).digest()
        claim = Claim(Purpose.MESSAGE, len(answer.content), digest, content_type, "preview")
        with tempfile.NamedTemporaryFile(prefix="parley-preview-") as file:
            await asyncio.to_thread(Path(file.name).write_bytes, answer.content)
            media = await self._uploads.bring_in(user_id, f"preview-{digest.hex()[:48]}", claim, Path(file.name))
        return media.media_id if media.state is MediaState.READY else ""


def _content(answer: Answer) -> Answer:
    if answer.status != OK:
        raise links.unreachable(f"the page answers {answer.status}")
    return answer
