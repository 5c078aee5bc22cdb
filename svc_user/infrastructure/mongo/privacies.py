"""`svc_user.domain.ports.Privacies` on MongoDB: the settings are a field of the account."""

from collections.abc import Sequence

from mesh.infrastructure.mongo import Document
from mesh.infrastructure.mongo_roots import Roots, Write
from svc_user.domain.account import UserId
from svc_user.domain.notice import Notice
from svc_user.domain.ports import Stale
from svc_user.domain.privacy import Privacy
from svc_user.infrastructure.mongo.accounts import Encode


class MongoPrivacies:
    """What users chose, in the root of their account."""

    def __init__(self, roots: Roots, encode: Encode) -> None:
        self._roots = roots
        self._encode = encode

    async def change(self, user_id: UserId, before: Privacy, after: Privacy, notices: Sequence[Notice]) -> None:
        """See the port."""
        owes = [self._encode(notice) for notice in notices]

        def decide(root: Document) -> Write:
            if "username" not in root or root.get("privacy", {}) != before.chosen():
                raise Stale
            return Write({"privacy": after.chosen() or None}, owes=owes)

        await self._roots.change(user_id, decide)
