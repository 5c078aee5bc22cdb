"""Previews of links: what a page says, and every way to have the server ask where it should not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from mesh.clock import FakeClock, SystemClock
from mesh.errors import Code, MeshError
from mesh.ids import Ids
from mesh.settings import Secret
from parley.media.v1.media_service_pb2 import PreviewLinkRequest
from svc_message.application.media import preview_link
from svc_message.application.media.preview_link import Preview, Previews
from svc_message.application.media.process import Processing
from svc_message.application.media.upload import Uploads
from svc_message.domain.conversation import UserId
from svc_message.domain.media import links, pages
from svc_message.domain.media.file import MediaLimits
from svc_message.infrastructure.examiner.pool import ExaminerPool
from svc_message.infrastructure.store import open_store
from svc_message.infrastructure.vault import open_vault
from tests import files
from tests.svc_message.device import new_device
from tests.svc_message.pages import ADDRESS, HOST, Web, open_web
from tests.svc_message.uploader import Uploader
from tests.svc_message.world import World, eventually, refusal

ANN = UserId("u00000000000000a")
REFUSED = (Code.INVALID_ARGUMENT, "LINK_REFUSED")
UNREACHABLE = (Code.FAILED_PRECONDITION, "LINK_UNREACHABLE")
PAGE = """<!doctype html><html><head><title>Plain</title>
<meta property="og:title" content="The &quot;sea&quot;\u202e"><meta name="description" content="About  water.">
<meta content="Example News" property="og:site_name"/><meta property='og:image' content='/sea.jpg'></head>"""


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Web]:
    """Return a part of the web."""
    async with open_web(tmp_path) as made:
        yield made


@pytest.fixture
async def previews(there: Web, tmp_path: Path) -> AsyncIterator[Previews]:
    """Return what makes previews of it."""
    clock = SystemClock()
    async with (
        open_store(f"sqlite:{tmp_path / 'message.db'}", Secret()) as store,
        open_vault(f"disk:{tmp_path / 'media'}", Secret(), Secret(), clock) as vault,
        ExaminerPool.opened(1) as examiner,
    ):
        processing = Processing(store.media, vault, examiner, clock)
        uploads = Uploads(store.media, vault, examiner, processing, MediaLimits(), clock, Ids(clock))
        yield Previews(there.fetcher, there, uploads, FakeClock())  # no second passes between twenty pages


async def outcome(previews: Previews, url: str) -> tuple[Code, str]:
    """Code and reason of a refusal."""
    error = await refusal(previews.of(ANN, url, ""))
    return error.code, error.reason


async def test_a_page_is_shown_as_it_says(there: Web, previews: Previews) -> None:
    """Title, text and site as plain text, and the picture as a media of the asker, drawn anew; no cookie is sent."""
    there.page("/", PAGE)
    there.page("/sea.jpg", files.located_picture(), "image/jpeg")
    shown = await previews.of(ANN, f"https://{HOST}/", "")
    assert (shown.title, shown.description, shown.site_name) == ('The "sea"', "About water.", "Example News")
    assert shown.image_media_id.startswith("m")
    assert await previews.of(ANN, f"https://{HOST}/#part", "") == shown
    assert "Cookie" not in there.asked[0].headers
    assert set(there.dialled) == {ADDRESS}


async def test_a_page_without_much_is_shown_too(there: Web, previews: Previews) -> None:
    """Only a title; a picture that is none; something that is no page: each shows what there is."""
    there.page("/title", "<title>Just\n this</title><meta property=og:title content=unquoted>")
    there.page("/broken", '<meta property="og:image" content="/none.jpg"><title>x</title>')
    there.page("/none.jpg", b"no picture", "image/jpeg")
    there.page("/inside", '<meta property="og:image" content="https://127.0.0.1/x.jpg"><title>y</title>')
    there.page("/file.pdf", b"%PDF-1.7", "application/pdf")
    assert await previews.of(ANN, f"https://{HOST}/title", "") == Preview("Just this")
    assert await previews.of(ANN, f"https://{HOST}/broken", "") == Preview("x")
    assert await previews.of(ANN, f"https://{HOST}/inside", "") == Preview("y")
    assert await previews.of(ANN, f"https://{HOST}/file.pdf", "") == Preview()


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fd00::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:0:53aa:64c::1]/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.0.1/",
        "https://100.100.100.200/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://localhost/",
        "https://localhost./",
        "https://mongo.parley-backing.svc.cluster.local/",
        "https://metadata.google.internal/",
        "https://redis:6379/",
        "file:///etc/passwd",
        "gopher://news.example.org/",
        "ftp://news.example.org/",
        "https://news.example.org:6379/",
        "https://news.example.org:99999/",
        "https://a@news.example.org/",
        "https://a:b@news.example.org/",
        "https://@news.example.org/",
        "https://news.example.org\\@127.0.0.1/",
        "https://news.example.org/\r\nHost: x",
        "https:///",
        "https://①②⑦.①/",
    ],
)
async def test_addresses_that_are_not_asked(there: Web, previews: Previews, url: str) -> None:
    """30, 31, 32, 36, 37, 40: whatever way a private place is written, it is refused before anything is dialled."""
    assert await outcome(previews, url) == REFUSED
    assert there.dialled == []


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), (ADDRESS, "10.0.0.1"), ("::1",), ("::ffff:10.0.0.1",), ("169.254.169.254",), ("fe80::1%eth0",)],
)
async def test_names_that_lead_inside(there: Web, previews: Previews, addresses: tuple[str, ...]) -> None:
    """A public name of which any address is not public is refused before anything is dialled."""
    there.names[HOST] = [addresses]
    assert await outcome(previews, f"https://{HOST}/") == REFUSED
    assert there.dialled == []


async def test_a_name_that_changes_its_mind(there: Web, previews: Previews) -> None:
    """33: a name is asked once a step and that answer is dialled; when a redirect asks again it is judged again."""
    there.names[HOST] = [(ADDRESS,), ("127.0.0.1",)]
    there.page("/", "<title>first</title>")
    assert await previews.of(ANN, f"https://{HOST}/", "") == Preview("first")
    there.names[HOST] = [(ADDRESS,), ("127.0.0.1",)]
    there.page("/", "", status=302, headers={"Location": "/again"})
    assert await outcome(previews, f"https://{HOST}/") == REFUSED
    assert there.dialled == [ADDRESS] * 2


@pytest.mark.parametrize(
    "location",
    ["https://127.0.0.1/", "http://news.example.org/", "https://[::1]/", "//10.0.0.1/x", "file:///etc/passwd"],
)
async def test_redirects_that_lead_inside(there: Web, previews: Previews, location: str) -> None:
    """34: where a page sends on is judged as if it had been asked for."""
    there.page("/", "", status=301, headers={"Location": location})
    assert await outcome(previews, f"https://{HOST}/") == REFUSED
    assert there.dialled == [ADDRESS]


async def test_redirects_end(there: Web, previews: Previews) -> None:
    """35: a page that sends to itself is left after six requests; a short way is gone to its end."""
    there.page("/loop", "", status=307, headers={"Location": "/loop"})
    assert await outcome(previews, f"https://{HOST}/loop") == UNREACHABLE
    assert len(there.asked) == 6
    there.page("/moved", "", status=308, headers={"Location": f"https://{HOST}/here"})
    there.page("/here", "<title>here</title>")
    assert (await previews.of(ANN, f"https://{HOST}/moved", "")).title == "here"


async def endless(request: web.BaseRequest) -> web.StreamResponse:
    """Send for ever."""
    response = web.StreamResponse(headers={"Content-Type": "text/html"})
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65_536)


async def dripping(request: web.BaseRequest) -> web.StreamResponse:
    """Send a byte now and then."""
    response = web.StreamResponse(headers={"Content-Type": "text/html"})
    await response.prepare(request)
    while True:
        await response.write(b"x")
        await asyncio.sleep(0.02)


async def large(_: web.BaseRequest) -> web.StreamResponse:
    """Say that 5 GB come."""
    return web.Response(body=b"", headers={"Content-Type": "text/html", "Content-Length": str(5 * 10**9)})


async def test_answers_that_are_too_much(there: Web, previews: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    """38, 39: more than 2 MiB is left, announced or not, and packed answers; what drips is left when time is over."""
    there.handlers |= {"/endless": endless, "/dripping": dripping, "/large": large}
    there.page("/packed", b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    there.page("/gone", "gone", status=404)
    for path in ("/endless", "/large", "/packed", "/gone"):
        assert await outcome(previews, f"https://{HOST}{path}") == UNREACHABLE
    monkeypatch.setattr(preview_link, "SECONDS", 0.3)
    assert await outcome(previews, f"https://{HOST}/dripping") == (Code.DEADLINE_EXCEEDED, "LINK_UNREACHABLE")


async def test_hosts_that_do_not_answer(there: Web, previews: Previews) -> None:
    """A name that leads nowhere, a port where nobody listens, and a certificate for another name are unreachable."""
    there.names |= {"dead.example.org": [("198.41.0.4",)], "other.example.org": [(ADDRESS,)]}
    for host in ("nowhere.example.org", "dead.example.org", "other.example.org"):
        assert await outcome(previews, f"https://{host}/") == UNREACHABLE


async def test_nobody_has_pages_fetched_without_end(there: Web, previews: Previews) -> None:
    """One user has twenty pages at once, and then one a second; others are not held up by that."""
    there.page("/", "<title>x</title>")
    for _ in range(20):
        await previews.of(ANN, f"https://{HOST}/", "")
    assert await outcome(previews, f"https://{HOST}/") == (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert (await previews.of(UserId("u00000000000000b"), f"https://{HOST}/", "")).title == "x"


async def test_slow_pages_of_others_keep_nobody_waiting(there: Web, previews: Previews) -> None:
    """A user has two pages fetched at a time. With all places taken by pages that are slow on purpose others see theirs
    at once: the one that takes longest makes room, and its user is told to come again.
    """
    there.handlers["/dripping"] = dripping
    there.page("/", "<title>x</title>")
    users = [UserId(f"u{number:015}") for number in range(preview_link.AT_ONCE // preview_link.OF_ONE)]
    first = await _dripping(there, previews, users[:1])
    third = await refusal(previews.of(users[0], f"https://{HOST}/", ""))
    assert (third.code, third.reason, third.retry_after) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED", 1.0)
    others = await _dripping(there, previews, users[1:])
    async with asyncio.timeout(preview_link.SECONDS / 2):
        assert (await previews.of(ANN, f"https://{HOST}/", "")).title == "x"
        done, waiting = await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(waiting)) == (1, 1)
    ended = await refusal(done.pop())
    assert (ended.code, ended.reason, ended.retry_after) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED", 1.0)
    for task in (*waiting, *others):
        assert not task.done()
        task.cancel()
    await asyncio.gather(*waiting, *others, return_exceptions=True)


async def _dripping(there: Web, previews: Previews, users: list[UserId]) -> "list[asyncio.Task[Preview]]":
    """Two slow pages for each of these, which have begun to come."""
    before, url = len(there.asked), f"https://{HOST}/dripping"
    tasks = [asyncio.create_task(previews.of(user, url, "")) for user in users for _ in range(2)]
    await eventually(lambda: _asked(there, before + len(tasks)))
    return tasks


async def _asked(there: Web, count: int) -> bool:
    return len(there.asked) == count


def test_heads_of_any_kind_are_read() -> None:
    """Whatever bytes come as a page, reading them ends soon and gives short plain text."""
    hostile = b"<meta " * 80_000 + b"<title>" * 10_000 + b"\xff\x00" * 1_000
    page = pages.read(hostile, "text/html; charset=utf-16")
    assert all(len(text) <= 500 for text in (page.title, page.description, page.site_name))
    assert pages.read("<title>Größe</title>".encode("latin-1"), "text/html; charset=ISO-8859-1").title == "Größe"
    assert pages.read(b'<meta charset="cp1251"><title>\xcc\xee\xf0\xe5</title>', "text/html").title == "Море"


def test_public_addresses_are_fetched() -> None:
    """What is public is taken, in either version, and names in any script."""
    assert all(map(links.public, ("1.1.1.1", "93.184.215.14", "2606:4700:4700::1111")))
    assert links.checked("https://bücher.example/Ä?q=1#x").host == "xn--bcher-kva.example"
    assert links.checked("https://[2606:4700:4700::1111]:443/").url == "https://[2606:4700:4700::1111]/"


async def test_the_rpc_refuses_what_is_no_https(mesh: World) -> None:
    """An address of another kind breaks the rule of the field; one that leads inside has its own reason."""
    ann = Uploader(new_device(mesh))
    for url, reason in (("http://news.example.org", "INVALID_REQUEST"), ("https://127.0.0.1/", "LINK_REFUSED")):
        error = await refusal(ann.device.do(ann.stub.PreviewLink, PreviewLinkRequest(url=url)))
        assert isinstance(error, MeshError)
        assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)
