"""Requests that no honest app makes: of the right types, with whatever a field may hold, or of bytes that are none."""

import math
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from buf.validate import validate_pb2

DEEP: Final = 4
"""How far messages are put into each other on purpose; deeper ones are made of bytes."""

WHOLE: Final = (0, 1, 2, 3, 7, 200, 201, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1)
FRACTIONS: Final = (0.0, -0.0, 1.0, 90.0, 180.0, -180.5, 5e-324, 1e308, math.inf, -math.inf, math.nan)
TEXTS: Final = (
    "",
    "x",
    "hello, you",
    "de",
    "\x00",
    "a\x00b",
    "\x1b[2J\r\n",
    "\u202eabc\u2066",
    "\u200b\u200d\u2060",
    "a" + "\u0301" * 60,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "\U000e0041\ufeff\uffff\U0010ffff",
    "İıſßﬁ",
    "' OR 1=1; --",
    '{"$ne": 1}',
    "$where",
    "(a+)+$",
    "%_*?[",
    "../../etc/passwd",
    "http://[::1]:1/",
    "http://[",
    "http://a@b:99999999/",
    "https://xn--/\u3002",
    "{}:*|\\",
    "-1",
    "9" * 40,
    "WyJ4IiwxXQ==",
    "é" * 40,
)
_RANGES: Final[Mapping[int, tuple[int, int]]] = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_SCALARS: Final = ("int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64")


class Rubbish:
    """Makes requests from a seed. `known` are ids and tokens that something has, so that some requests come far.

    `texts` and `numbers` are what fields hold that name nothing.
    """

    def __init__(
        self,
        seed: int | str,
        known: Sequence[str],
        *,
        now_ms: int = 0,
        texts: Sequence[str] = TEXTS,
        numbers: Sequence[int] = WHOLE,
    ) -> None:
        self.chance = random.Random(seed)
        self._known = known
        self._now_ms = now_ms
        self._texts = texts
        self._numbers = numbers
        self._polite = True
        self._fitting: dict[str, Sequence[str]] = {}

    def polite(self, kind: Descriptor) -> bytes:
        """Return a request within the limits of its fields, as far as those can be read from the contract."""
        self._polite = True
        return self.message(kind).SerializeToString(deterministic=True)

    def request(self, kind: Descriptor) -> bytes:
        """Return a request as it goes over the wire: within the limits of its fields, or not, or spoiled there."""
        dice = self.chance.random()
        self._polite = dice < 0.6
        data = self.message(kind).SerializeToString()
        return self._spoiled(data) if dice > 0.9 else data

    def message(self, kind: Descriptor, depth: int = 0) -> Message:
        """Return a message whose fields are set as they come."""
        message = GetMessageClass(kind)()
        chosen = {one.name: self.chance.choice(one.fields) for one in kind.oneofs if one.fields}
        for field in kind.fields:
            one = field.containing_oneof
            if (one is None or chosen[one.name] is field) and self._wanted(field, depth):
                self._fill(message, field, depth)
        return message

    def _wanted(self, field: FieldDescriptor, depth: int) -> bool:
        if self._polite and (_rules(field).required or field.containing_oneof):
            return depth < 2 * DEEP
        if field.message_type is None:
            return (self._polite and not field.name.endswith("token")) or self.chance.random() < 0.75
        return depth < DEEP and self.chance.random() < (0.9 if depth < 2 or field.containing_oneof else 0.5)

    def _fill(self, message: Message, field: FieldDescriptor, depth: int) -> None:
        if not field.is_repeated:
            self._set(message, field, depth)
        elif field.message_type is None:
            getattr(message, field.name).extend(self._scalar(field) for _ in range(self._count(field, 2_000)))
        else:
            made = [self.message(field.message_type, depth + 1) for _ in range(self._count(field, 5 if depth else 300))]
            # On the wire a map is a list of its entries, and so it is given here.
            parts = b"".join(_part(field.number, one.SerializeToString()) for one in made)
            message.MergeFromString(parts)

    def _set(self, message: Message, field: FieldDescriptor, depth: int) -> None:
        if field.message_type is None:
            setattr(message, field.name, self._scalar(field))
        elif field.message_type.full_name == "google.protobuf.FieldMask":
            getattr(message, field.name).paths.extend(self._paths(field))
        else:
            getattr(message, field.name).CopyFrom(self.message(field.message_type, depth + 1))

    def _paths(self, field: FieldDescriptor) -> Iterable[str]:
        names = [*getattr(_rules(field).field_mask, "in")]
        found = self.chance.sample(names, self.chance.randint(0, len(names)))
        return found if self.chance.random() < 0.9 else [*found, self.chance.choice(self._texts)]

    def _count(self, field: FieldDescriptor, many: int) -> int:
        rules = _rules(field).repeated
        if self._polite and (rules.min_items or rules.max_items):
            least, most = rules.min_items, min(rules.max_items or many, many)
            return self.chance.choice((least, least, least, least + 1, least + 1, least + 2, most))
        return self.chance.choice((0, 1, 1, 1, 2, 3)) if self.chance.random() < 0.95 else self.chance.randint(4, many)

    def _scalar(self, field: FieldDescriptor) -> Any:
        if field.cpp_type in _RANGES:
            return self._whole(field)
        if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
            return self._enum(field)
        return self._others[field.cpp_type](self, field)

    def _whole(self, field: FieldDescriptor) -> int:
        low, high = _RANGES[field.cpp_type]
        if self._polite or self.chance.random() < 0.7:
            low, high = _bounds(field, low, high)
        if field.name.endswith("_ms") and self.chance.random() < 0.5:
            return min(max(self._now_ms + self.chance.randint(-5_000, 90_000), low), high)
        chosen = self.chance.choice(self._numbers) * self.chance.choice((1, 1, 1, -1))
        return min(max(chosen, low), high)

    def _enum(self, field: FieldDescriptor) -> int:
        if not self._polite and self.chance.random() < 0.1:
            return self.chance.choice((-1, 999, 2**31 - 1))
        numbers = sorted(field.enum_type.values_by_number) if field.enum_type else [0]
        return self.chance.choice(numbers[1:] if self._polite else numbers)

    def _text(self, field: FieldDescriptor) -> str:
        rules = _rules(field).repeated.items.string if field.is_repeated else _rules(field).string
        if not self._polite and self.chance.random() < 0.4:
            return self._some_text(rules.pattern) + "x" * self.chance.choice((0, 0, rules.max_len, rules.max_len + 1))
        if field.full_name not in self._fitting:
            found = tuple(one for one in self._words(rules.pattern) if _within(rules, one))
            self._fitting[field.full_name] = found or ("",)
        return self.chance.choice(self._fitting[field.full_name])

    def _words(self, pattern: str) -> Sequence[str]:
        """What there is to choose from: ids where an id is asked for, and anything elsewhere."""
        found = [one for one in self._known if _fits(pattern, one)] if pattern else []
        return found or (*self._texts, *self._known[:4])

    def _some_text(self, pattern: str) -> str:
        return self.chance.choice(self._words(pattern) if self.chance.random() < 0.5 else self._texts)

    def _bytes(self, _: FieldDescriptor) -> bytes:
        return self.chance.choice((b"", b"\x00", self.chance.randbytes(40), self.chance.randbytes(3_000)))

    _others: Final[Mapping[int, Callable[["Rubbish", FieldDescriptor], Any]]] = {
        FieldDescriptor.CPPTYPE_STRING: lambda self, field: (
            self._bytes(field) if field.type == FieldDescriptor.TYPE_BYTES else self._text(field)
        ),
        FieldDescriptor.CPPTYPE_BOOL: lambda self, _: self.chance.random() < 0.5,
        FieldDescriptor.CPPTYPE_DOUBLE: lambda self, _: self.chance.choice(FRACTIONS),
        FieldDescriptor.CPPTYPE_FLOAT: lambda self, _: self.chance.choice(FRACTIONS),
    }

    def _spoiled(self, data: bytes) -> bytes:
        way = self.chance.choice((self._cut, self._flipped, self._doubled, self._stuffed, self._nested, self._no_utf8))
        return way(data)

    def _cut(self, data: bytes) -> bytes:
        return data[: self.chance.randint(0, len(data))]

    def _flipped(self, data: bytes) -> bytes:
        spoiled = bytearray(data)
        for _ in range(self.chance.randint(1, 4)):
            if spoiled:
                spoiled[self.chance.randrange(len(spoiled))] ^= 1 << self.chance.randrange(8)
        return bytes(spoiled)

    def _doubled(self, data: bytes) -> bytes:
        return data + data

    def _stuffed(self, data: bytes) -> bytes:
        """With fields that nobody knows, and a known number with another type."""
        odd = (
            b"\xba\x3e\x05hello",
            b"\x0b\x0c",
            b"\x08" + b"\xff" * 9 + b"\x01",
            b"\x1d\x00\x00\x80\x7f",
            b"\xfa\x01\x00",
        )
        return data + b"".join(self.chance.choice(odd) for _ in range(self.chance.randint(1, 200)))

    def _nested(self, data: bytes) -> bytes:
        """Deep inside fields of one number, up to where a parser gives up."""
        number = self.chance.randint(1, 15)
        for _ in range(self.chance.choice((3, 30, 150))):
            data = _part(number, data)
        return data

    def _no_utf8(self, data: bytes) -> bytes:
        return re.sub(rb"[a-z]", b"\xff", data, count=self.chance.randint(1, 3))


def _part(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    return field.GetOptions().Extensions[validate_pb2.field]


def _bounds(field: FieldDescriptor, low: int, high: int) -> tuple[int, int]:
    """What the contract allows of a whole number."""
    rules = _rules(field).repeated.items if field.is_repeated else _rules(field)
    for kind in _SCALARS:
        if rules.HasField(kind):
            found = getattr(rules, kind)
            low = max(low, found.gte if found.HasField("gte") else low, found.gt + 1 if found.HasField("gt") else low)
            high = min(
                high, found.lte if found.HasField("lte") else high, found.lt - 1 if found.HasField("lt") else high
            )
    return low, high


def _within(rules: validate_pb2.StringRules, text: str) -> bool:
    most, least, most_bytes = rules.max_len or len(text), rules.min_len, rules.max_bytes or 2**31
    return least <= len(text) <= most and len(text.encode()) <= most_bytes and _fits(rules.pattern, text)


def _fits(pattern: str, text: str) -> bool:
    try:
        return bool(re.search(pattern, text))
    except re.error:  # RE2 has signs that Python has not
        return False
