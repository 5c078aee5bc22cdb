"""HEIF pictures as phones make them, built box by box, so that each lie can be told."""

import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction

import av
from PIL import Image

PRIMARY = 1_000
EXIF = 2_000


def heic(
    width: int = 640,
    height: int = 480,
    *,
    tiles: tuple[int, int] = (1, 1),
    told: tuple[int, int] | None = None,
    turned: int = 0,
    exif: bytes = b"",
    brand: bytes = b"heic",
) -> bytes:
    """A picture of `tiles` down and across, as phones cut them, each coded once.

    `told` is the size that the file says it has, `turned` a rotation in steps of 90 degrees against the clock.
    """
    down, across = tiles
    size = told or (width, height)
    cut = -(-width // across), -(-height // down)
    parameters, slices = _coded(*cut)
    tile = b"".join(struct.pack(">I", len(one)) + one for one in slices)
    count = down * across
    ids = list(range(1, count + 1)) if count > 1 else [PRIMARY]
    items: list[tuple[int, bytes, bytes]] = [(id_, b"hvc1", tile) for id_ in ids]
    if count > 1:
        items.append((PRIMARY, b"grid", struct.pack(">BBBBHH", 0, 0, down - 1, across - 1, *_short(size))))
    if exif:
        items.append((EXIF, b"Exif", struct.pack(">I", 0) + exif))
    return _file(brand, items, ids, _properties(parameters, size, cut, ids, turned))


def located_heic() -> bytes:
    """One that lies on its side and says where it was taken, and by what."""
    exif = Image.Exif()
    exif[0x010F] = "Canary Cameras"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    return heic(400, 300, turned=3, exif=exif.tobytes())


def _short(size: tuple[int, int]) -> Iterable[int]:
    return (min(side, 65_535) for side in size)


def _coded(width: int, height: int) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """Parameter sets and slices of one picture, by HEVC."""
    codec = av.CodecContext.create("libx265", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt, codec.framerate = width, height, "yuv420p", Fraction(1)
    codec.options = {"x265-params": "keyint=1:repeat-headers=1:info=0:log-level=none:pools=1:frame-threads=1"}
    frame = av.VideoFrame(width, height, "rgb24")
    frame.planes[0].update(_lines(Image.linear_gradient("L").resize((width, height)).convert("RGB"), frame))
    packets = [*codec.encode(frame.reformat(format="yuv420p")), *codec.encode(None)]
    units = [unit for packet in packets for unit in _units(bytes(packet))]
    kinds = [(unit[0] >> 1 & 63, unit) for unit in units]
    return [unit for kind, unit in kinds if kind in (32, 33, 34)], [unit for kind, unit in kinds if kind < 32]


def _lines(picture: Image.Image, frame: av.VideoFrame) -> bytes:
    """The pixels as FFmpeg wants them: it puts something between the lines."""
    raw, line, gap = picture.tobytes(), 3 * frame.width, frame.planes[0].line_size - 3 * frame.width
    return b"".join(raw[start : start + line] + bytes(gap) for start in range(0, len(raw), line))


def _units(stream: bytes) -> list[bytes]:
    return [unit.rstrip(b"\0") for unit in stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]


def _properties(
    parameters: Sequence[bytes], size: tuple[int, int], tile: tuple[int, int], ids: list[int], turned: int
) -> bytes:
    """How the items are coded, how large they are said to be, and how they are turned."""
    boxes = [_box(b"hvcC", _configuration(parameters)), _full(b"ispe", struct.pack(">II", *size)),
             _full(b"ispe", struct.pack(">II", *tile)), _box(b"irot", bytes([turned]))]  # fmt: skip
    alone = ids == [PRIMARY]
    owned = dict.fromkeys(ids, (0x81, 0x03)) | {PRIMARY: (0x81, 0x02, 0x84) if alone else (0x02, 0x84)}
    entries = b"".join(struct.pack(">HB", id_, len(those)) + bytes(those) for id_, those in sorted(owned.items()))
    return _box(b"iprp", _box(b"ipco", b"".join(boxes)) + _full(b"ipma", struct.pack(">I", len(owned)) + entries))


def _configuration(parameters: Sequence[bytes]) -> bytes:
    sps = next(unit for unit in parameters if unit[0] >> 1 & 63 == 33).replace(b"\0\0\3", b"\0\0")
    head = b"\1" + sps[3:15] + b"\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f" + bytes([len(parameters)])
    arrays = (struct.pack(">BHH", 0x80 | unit[0] >> 1 & 63, 1, len(unit)) + unit for unit in parameters)
    return head + b"".join(arrays)


def _file(brand: bytes, items: Sequence[tuple[int, bytes, bytes]], ids: list[int], properties: bytes) -> bytes:
    start = _box(b"ftyp", brand + b"\0\0\0\0" + b"mif1" + b"heic")
    length = len(_meta(items, ids, properties, 0))
    data = b"".join({content: None for _, _, content in items})
    return start + _meta(items, ids, properties, len(start) + length + 8) + _box(b"mdat", data)


def _meta(items: Sequence[tuple[int, bytes, bytes]], ids: list[int], properties: bytes, offset: int) -> bytes:
    places: dict[bytes, int] = {}
    for _, _, content in items:
        if content not in places:
            places[content] = offset
            offset += len(content)
    located = b"".join(struct.pack(">HHHII", id_, 0, 1, places[data], len(data)) for id_, _, data in items)
    named = b"".join(
        _full(b"infe", struct.pack(">HH", id_, 0) + kind + b"\0", 2, hidden=id_ < PRIMARY) for id_, kind, _ in items
    )
    return _full(
        b"meta",
        _full(b"hdlr", bytes(4) + b"pict" + bytes(13))
        + _full(b"pitm", struct.pack(">H", PRIMARY))
        + _full(b"iloc", b"\x44\0" + struct.pack(">H", len(items)) + located)
        + _full(b"iinf", struct.pack(">H", len(items)) + named)
        + _full(b"iref", _references(items, ids))
        + properties,
    )


def _references(items: Sequence[tuple[int, bytes, bytes]], ids: list[int]) -> bytes:
    kinds = {kind for _, kind, _ in items}
    cut = _box(b"dimg", struct.pack(f">HH{len(ids)}H", PRIMARY, len(ids), *ids)) if b"grid" in kinds else b""
    return cut + (_box(b"cdsc", struct.pack(">HHH", EXIF, 1, PRIMARY)) if b"Exif" in kinds else b"")


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def _full(kind: bytes, content: bytes, version: int = 0, *, hidden: bool = False) -> bytes:
    return _box(kind, bytes([version, 0, 0, hidden]) + content)
