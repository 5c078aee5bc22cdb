"""Accounts: names, profiles, and who may see and do what."""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import IntEnum
from typing import Final, NewType

from mesh import errors
from mesh.errors import FieldViolation, MeshError
from mesh.visible import visible
from svc_user.domain.privacy import Privacy
from svc_user.domain.reasons import Reason

UserId = NewType("UserId", str)

MAX_DISPLAY_NAME: Final = 64
"""Characters of a display name, as in the contract."""

_USERNAME: Final = re.compile(r"[a-z0-9][a-z0-9_.]{2,31}")
# A username that reads as an id would make "find by id or name" ambiguous.
_USER_ID: Final = re.compile(r"u[0-9a-hjkmnp-tv-z]{15}")
# Left out of names: with one of these, two names look the same and are not. The joiners stay, for emoji and scripts.
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u00ad\u180e\u200b\u2060\u2061\u2062\u2063\u2064\ufeff"))
_LOOKALIKES: Final = str.maketrans("013457l", "oieasti", "._")
_RESERVED: Final = (
    "admin administrator root system sysadmin superuser parley official support help helpdesk security abuse moderator "
    "moderation mod staff team service services owner postmaster webmaster hostmaster info contact everyone all here "
    "channel me you self anonymous guest unknown deleted null none undefined nobody api www mail login register"
)


class UserState(IntEnum):
    """Whether an account can be used. The numbers are those of the contract and of the store."""

    ACTIVE = 1
    SUSPENDED = 2
    DELETED = 3


class UserKind(IntEnum):
    """Who is behind an account. The numbers are those of the contract and of the store."""

    PERSON = 1
    ASSISTANT = 2
    BOT = 3


@dataclass(frozen=True, slots=True)
class Profile:
    """What users say about themselves; an empty field is not given."""

    display_name: str
    avatar_media_id: str = ""
    bio: str = ""
    birthday: str = ""
    locale: str = ""
    region: str = ""
    pronouns: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """A user, person or assistant. `version` rises by one with each change of the profile."""

    user_id: UserId
    username: str
    profile: Profile
    created_at_ms: int
    kind: UserKind = UserKind.PERSON
    state: UserState = UserState.ACTIVE
    version: int = 1
    privacy: Privacy = Privacy()

    @property
    def shown_name(self) -> str:
        """The username as anybody may see it: that of a deleted user is kept so that nobody else gets it, no more."""
        return "" if self.state is UserState.DELETED else self.username

    @property
    def is_assistant(self) -> bool:
        """Whether svc_ai runs it."""
        return self.kind is UserKind.ASSISTANT

    def shown_to(self, *, friends: bool, blocked: bool) -> "Account":
        """The account as somebody else may see it: a friend, a stranger, or whom its owner blocked."""
        if self.privacy.see_birthday.includes(friends=friends) and not blocked:
            return self
        return replace(self, profile=replace(self.profile, birthday=""))

    def with_profile(self, profile: Profile) -> "Account":
        """The account after a change of its profile; itself when nothing changed."""
        if profile == self.profile:
            return self
        return replace(self, profile=profile, version=self.version + 1)


def fold(username: str) -> str:
    """The one spelling under which a username is stored and looked up."""
    return unicodedata.normalize("NFKC", username).lower()


def check_username(username: str) -> None:
    """Raise INVALID_REQUEST unless it is a plain ASCII name, and USERNAME_RESERVED for what looks like the system."""
    if not _USERNAME.fullmatch(username):
        raise invalid_field("username", "3 to 32 of a-z, 0-9, dot and underscore, starting with a letter or digit")
    if _skeleton(username) in _SKELETONS or _USER_ID.fullmatch(username):
        raise errors.invalid(Reason.USERNAME_RESERVED, "this name is kept for the system")


def _skeleton(username: str) -> str:
    """What a hasty reader sees: `Adm1n` and `a.d.m.i.n` are admin."""
    return username.translate(_LOOKALIKES)


_SKELETONS: Final = frozenset(_skeleton(name) for name in _RESERVED.split())


def checked_profile(profile: Profile, username: str, now_ms: int) -> Profile:
    """The profile as it is kept: trimmed, in NFC, an empty name replaced by the username. INVALID_REQUEST."""
    given = unicodedata.normalize("NFC", profile.display_name).strip()
    name = given.translate(_INVISIBLE).strip() or username
    if len(name) > MAX_DISPLAY_NAME or not visible(given or username) or not visible(name):
        raise invalid_field("profile.display_name", f"1 to {MAX_DISPLAY_NAME} characters that can be seen")
    if profile.birthday:
        _check_birthday(profile.birthday, now_ms)
    return replace(profile, display_name=name)


def _check_birthday(birthday: str, now_ms: int) -> None:
    today = datetime.fromtimestamp(now_ms / 1_000, UTC).date()
    try:
        born = date.fromisoformat(birthday)
    except ValueError:
        born = date.max
    if not date(1900, 1, 1) <= born <= today:
        raise invalid_field("profile.birthday", "a real day from 1900 on that is not in the future")


def invalid_field(field: str, rule: str) -> MeshError:
    """The error for one field that breaks a rule which the contract cannot express."""
    return errors.invalid(
        Reason.INVALID_REQUEST, "the request is outside the limits of its fields", FieldViolation(field, rule)
    )


def no_such_user() -> MeshError:
    """The error for an id without an account."""
    return errors.not_found(Reason.USER_NOT_FOUND, "no such user")


def suspended() -> MeshError:
    """The error for an account that is closed for a time."""
    return errors.denied(Reason.USER_SUSPENDED, "the account is closed for a time")
