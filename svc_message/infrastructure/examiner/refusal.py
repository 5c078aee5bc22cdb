"""Why a file is refused: a reason of the domain, and words for a person that hold nothing of the file."""

from svc_message.domain.reasons import Reason


class RefusedError(Exception):
    """The file is not taken."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


def wrong_type(message: str) -> RefusedError:
    """The file is of a kind that is not taken, or not what it was said to be."""
    return RefusedError(Reason.MEDIA_TYPE_REFUSED, message)


def damaged() -> RefusedError:
    """The file cannot be read to its end."""
    return wrong_type("the file is damaged or incomplete")


def too_many_pixels() -> RefusedError:
    """The picture would take too much memory."""
    return RefusedError(Reason.MEDIA_TOO_MANY_PIXELS, "the picture has too many pixels")
