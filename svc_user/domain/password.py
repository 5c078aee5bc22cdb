"""Passwords: what is hashed, and what is too weak to be."""

import unicodedata
from typing import Final

from mesh import errors
from svc_user.domain.reasons import Reason

MIN_LENGTH: Final = 8
MAX_LENGTH: Final = 128
"""Characters after normalisation; the upper bound is what hashing is asked to do at most."""

# The leaders of every list of leaked passwords that are long enough to be asked for.
_LEAKED: Final = frozenset(
    """
    password passw0rd password1 password12 password123 password1234 p@ssw0rd p@ssword qwertyuiop qwerty123 qwerty1234
    qwertyui 1q2w3e4r 1q2w3e4r5t 1qaz2wsx qazwsxedc zaq12wsx asdfghjkl asdfasdf zxcvbnm123 12345678 123456789
    1234567890 0123456789 0987654321 87654321 987654321 11223344 123123123 12341234 abcd1234 abc12345 abcdefgh
    a1b2c3d4 iloveyou iloveyou1 sunshine princess football baseball superman starwars whatever trustno1 welcome1
    letmein1 letmein123 changeme computer michelle jennifer liverpool chocolate butterfly dragon123 monkey123
    admin123 administrator charlie1 internet samsung1 spiderman
    """.split()  # noqa: SIM905 - seven lines instead of sixty
)


def normalised(password: str) -> str:
    """The password in NFC, so that it is the same from every keyboard."""
    return unicodedata.normalize("NFC", password)


def check_strength(password: str, username: str) -> None:
    """Raise PASSWORD_TOO_WEAK for a normalised password that is short, leaked, one character, or the name itself."""
    plain = password.lower()
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise errors.invalid(Reason.PASSWORD_TOO_WEAK, f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    if plain in _LEAKED or plain == username or len(set(plain)) == 1:
        raise errors.invalid(Reason.PASSWORD_TOO_WEAK, "this password is among the first that are guessed")
