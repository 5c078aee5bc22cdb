"""Why a part behind the mesh refuses us or is refused, in words for its operator.

Drivers hide it in texts that may quote addresses, names and more: nothing of them is handed on.
"""

from typing import Final

CAUSES: Final = (
    ("has expired", "its certificate has expired"),
    ("is not yet valid", "its certificate is not valid yet"),
    ("hostname mismatch", "its certificate is for another name"),
    ("ip address mismatch", "its certificate is for another name"),
    ("match the target name", "its certificate is for another name"),
    ("unable to get", "its certificate is of an authority that is not trusted"),
    ("self-signed", "its certificate is of an authority that is not trusted"),
    ("self signed", "its certificate is of an authority that is not trusted"),
    ("certificate signature failure", "its certificate is of an authority that is not trusted"),
    ("certificate_verify_failed", "its certificate is not trusted"),
    ("certificate verify failed", "its certificate is not trusted"),
    ("alert_bad_certificate", "our certificate is refused, or we show none"),
    ("alert bad certificate", "our certificate is refused, or we show none"),
    ("certificate_required", "our certificate is refused, or we show none"),
    ("certificate required", "our certificate is refused, or we show none"),
    ("alert_unknown_ca", "our certificate is refused, or we show none"),
    ("alert unknown ca", "our certificate is refused, or we show none"),
    ("alert_certificate_expired", "our certificate has expired"),
    ("alert certificate expired", "our certificate has expired"),
    ("wrong_version_number", "it does not speak TLS"),
    ("wrong version number", "it does not speak TLS"),
)
"""What is found in the text of a driver, in lower case, and what it means; the first counts."""

DEPTH: Final = 8
"""How many errors behind an error are looked at."""


def cause(error: BaseException | None) -> str:
    """What is wrong with certificates, in our words, by an error or one that it came from; empty when nothing is."""
    for _ in range(DEPTH):
        if error is None:
            return ""
        said = str(error).lower()
        for part, meaning in CAUSES:
            if part in said:
                return meaning
        error = error.__cause__ or error.__context__
    return ""
