"""Commands about files."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Final

from parley.media.v1 import media_pb2
from parley.message.v1 import entry_pb2
from parley_sdk import body_of, media_of
from parley_terminal.chat.command import Command, UsageError, number_of, opened
from parley_terminal.chat.desk import Desk

_LOOKED_AT: Final = 50
_MANY_BYTES: Final = 8 * 1024 * 1024
_KINDS: Final = {
    "image": media_pb2.MEDIA_KIND_IMAGE,
    "voice": media_pb2.MEDIA_KIND_AUDIO,
    "video": media_pb2.MEDIA_KIND_VIDEO,
}


async def _image(desk: Desk, words: list[str]) -> None:
    await _send(desk, words, "image")


async def _file(desk: Desk, words: list[str]) -> None:
    await _send(desk, words, "file")


async def _voice(desk: Desk, words: list[str]) -> None:
    await _send(desk, words, "voice")


async def _video(desk: Desk, words: list[str]) -> None:
    await _send(desk, words, "video")


async def _send(desk: Desk, words: list[str], kind: str) -> None:
    """Upload the file that the first word names, and send it with the rest as its caption."""
    conversation_id, path = opened(desk), _path(words[0])
    told = _Progress(desk, path.name)
    try:
        media = await desk.client.media.upload(path, on_progress=told)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    if media.kind != _KINDS.get(kind, media.kind):
        raise UsageError(f"{path.name} is no {kind}: type /file {path}")
    desk.client.send(conversation_id, body_of(media, " ".join(words[1:]), as_file=kind == "file"))


async def _save(desk: Desk, words: list[str]) -> None:
    """Fetch the file of a message into a folder, under a name that is free there."""
    seq, words = number_of(words)
    entry = await _showing(desk, opened(desk), seq)
    folder = _path(words[0] if words else ".")
    media = await desk.client.media.get(_media_id(entry), entry=entry)
    try:
        place = _free(folder, _safe(media))
        await desk.client.media.download(media.media_id, place, entry=entry, on_progress=_Progress(desk, place.name))
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}") from None
    desk.screen.say(f"saved as {place}", "place")


class _Progress:
    """Tells how far a large file is, at each quarter."""

    def __init__(self, desk: Desk, name: str) -> None:
        self._desk = desk
        self._name = name
        self._told = 0

    def __call__(self, there: int, total: int) -> None:
        quarter = 4 * there // max(total, 1)
        if total >= _MANY_BYTES and quarter > self._told:
            self._desk.screen.say(f"{self._name}: {25 * quarter} %")
        self._told = max(self._told, quarter)


async def _showing(desk: Desk, conversation_id: str, seq: int) -> entry_pb2.Entry:
    """The entry of this number, or the newest that shows a file."""
    messages = desk.client.messages
    if seq:
        entries = (await messages.stretch(conversation_id, from_seq=seq, to_seq=seq)).entries
    else:
        entries = (await messages.history(conversation_id, limit=_LOOKED_AT)).entries
    found = next((entry for entry in entries if media_of(entry)), None)
    if found is None:
        raise UsageError("there is no file there; say which message: #number")
    return found


def _path(typed: str) -> Path:
    return Path(typed).expanduser()


def _media_id(entry: entry_pb2.Entry) -> str:
    shown = media_of(entry)
    return shown.media_id if shown else ""


def _safe(media: media_pb2.Media) -> str:
    """The name that its uploader gave it: no path, and nothing hidden."""
    name = PurePath(media.file_name.replace("\\", "/")).name.lstrip(".")
    return name or f"{media.media_id}.{media.content_type.rpartition('/')[2].partition('+')[0]}"


def _free(folder: Path, name: str) -> Path:
    stem, dot, ending = name.partition(".")
    names = [name, *(f"{stem} ({number}){dot}{ending}" for number in range(1, 1_000))]
    free = next((folder / one for one in names if not (folder / one).exists()), None)
    if free is None:
        raise UsageError(f"there are very many files named {name}")
    return free


COMMANDS: Final = (
    Command("image", "PATH [CAPTION]", "send a picture", _image, 1),
    Command("file", "PATH [CAPTION]", "send any file, to be saved", _file, 1),
    Command("voice", "PATH", "send a recording", _voice, 1),
    Command("video", "PATH [CAPTION]", "send a video", _video, 1),
    Command("save", "[#number] [FOLDER]", "fetch the last file, or that of this message", _save),
)
