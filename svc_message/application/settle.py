"""How whoever brings a draft hears what became of it."""

import asyncio
from collections.abc import Callable
from typing import Final

from mesh import errors
from mesh.errors import Code, MeshError
from svc_message.domain.entry import Appended, Draft, Stored
from svc_message.domain.reasons import Reason

Settle = Callable[[Draft, Appended | MeshError], None]
"""Called once for each draft: where it stands, or why it was refused. It must not wait."""

MAX_JUDGED: Final = 5
"""How often a draft is judged anew since what it was judged by has changed meanwhile. After that it comes again."""


class Outdated(MeshError):  # noqa: N818 - it names what came of a draft, as its neighbours do
    """What the draft was judged by has changed before it had a place: it has to be judged again, from the beginning.

    Whoever brings such drafts does so; should it ever reach a device, it sends again with the same number.
    """

    def __init__(self) -> None:
        message = "the conversation has changed in this moment; send again with the same number"
        super().__init__(Code.UNAVAILABLE, Reason.OVERLOADED, message, retry_after=0.1)


def promise() -> "tuple[asyncio.Future[Appended], Settle]":
    """A future, and the `settle` that fulfils it: for the caller who waits for one draft."""
    done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()

    def settle(_: Draft, outcome: Appended | MeshError) -> None:
        if done.done():
            return
        if isinstance(outcome, MeshError):
            done.set_exception(outcome)
        else:
            done.set_result(outcome)

    return done, settle


def overloaded() -> MeshError:
    """The answer to what comes when too much waits."""
    return errors.exhausted(Reason.OVERLOADED, "too much is waiting; send again later", retry_after=1.0)


def repeated(draft: Draft, stored: Stored) -> Appended | MeshError:
    """The answer to a draft whose key is taken: the place of the first time, or a conflict."""
    if stored.repeats(draft):
        return Appended(stored.seq, stored.sent_at_ms, duplicate=True, replaced=stored.replaces(draft))
    return errors.already_exists(Reason.MESSAGE_ID_CONFLICT, "this client_message_id was used for another content")
