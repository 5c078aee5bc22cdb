"""The entrances: RPCs and the link, translated to use cases and back. No decisions."""

from svc_message.servicer.conversation import ConversationServicer
from svc_message.servicer.link import GatewayLinks, LinkServicer
from svc_message.servicer.log import LogServicer
from svc_message.servicer.media import MediaServicer
from svc_message.servicer.message import MessageServicer
from svc_message.servicer.oversight import MessageAdminServicer
from svc_message.servicer.posts import AboutPosts
from svc_message.servicer.report import ReportAdminServicer, ReportServicer

__all__ = [
    "AboutPosts",
    "ConversationServicer",
    "GatewayLinks",
    "LinkServicer",
    "LogServicer",
    "MediaServicer",
    "MessageAdminServicer",
    "MessageServicer",
    "ReportAdminServicer",
    "ReportServicer",
]
