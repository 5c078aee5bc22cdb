"""The entrances: contract messages in and out, no decisions."""

from svc_user.servicer.audit import AuditServicer
from svc_user.servicer.bot import BotServicer
from svc_user.servicer.directory import DirectoryServicer
from svc_user.servicer.friend import FriendServicer
from svc_user.servicer.live import LiveSettingsServicer
from svc_user.servicer.oversight import UserAdminServicer
from svc_user.servicer.paging import PageTokens
from svc_user.servicer.settings import SettingsServicer
from svc_user.servicer.user import UserServicer

__all__ = [
    "AuditServicer",
    "BotServicer",
    "DirectoryServicer",
    "FriendServicer",
    "LiveSettingsServicer",
    "PageTokens",
    "SettingsServicer",
    "UserAdminServicer",
    "UserServicer",
]
