"""Why the AI service refuses or fails: names of `parley.error.v1.Reason` without the prefix."""

from enum import StrEnum


class Reason(StrEnum):
    """Reasons of this service, and those of its neighbours that it acts upon."""

    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"
    CONVERSATION_NOT_FOUND = "CONVERSATION_NOT_FOUND"
    MESSAGE_ID_CONFLICT = "MESSAGE_ID_CONFLICT"
    CONTENT_REFUSED = "CONTENT_REFUSED"
    REPLY_NOT_FOUND = "REPLY_NOT_FOUND"
    MODEL_UNAVAILABLE = "MODEL_UNAVAILABLE"
    MODEL_TIMEOUT = "MODEL_TIMEOUT"
    BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"
