"""Reporters are told of a decision once, whatever happens in between."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from mesh.clock import FakeClock
from mesh.errors import MeshError, unavailable
from mesh.settings import Secret
from svc_message.application.administration.report import Telling
from svc_message.application.append import Appender
from svc_message.application.conversations import Conversations
from svc_message.application.service_append import ServiceAppend
from svc_message.domain.administration.report import Report, Reports, ReportState, SubjectKind
from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.entry import EntryKind
from svc_message.infrastructure.entries import ProtobufCodec
from svc_message.infrastructure.report_notices import encode
from svc_message.infrastructure.store import open_store
from tests.conformance.test_report_store import ADA, GROUP
from tests.svc_message.test_writers import Anyone


class Forgetful:
    """A store of reports that does not come to note that somebody was told."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    async def untold(self, limit: int) -> list[Report]:
        return await self._reports.untold(limit)

    async def told(self, report_ids: Sequence[str]) -> None:
        raise unavailable("STORE_UNAVAILABLE", "away")


async def test_a_node_that_ends_before_it_notes_it_tells_nothing_twice(tmp_path: Path) -> None:
    """The entry is in the personal log, the note is lost; the next node writes it again, and there is one entry."""
    clock = FakeClock(1_800_000_000_000)
    async with open_store(f"sqlite:{tmp_path / 'message.db'}", Secret()) as store:
        conversations = Conversations(store.log, store.members, Anyone(), clock)
        appender = Appender(store.log, ProtobufCodec(), conversations, clock, lambda _: None)
        append = ServiceAppend(conversations, appender, store.log, clock)
        running = asyncio.create_task(appender.run())
        made = Report("r" + "1" * 15, ADA, SubjectKind.GROUP, GROUP, Seq(0), "bad", clock.now_ms())
        await store.reports.add(made, 10)
        await store.reports.decide(made.decided(ReportState.UPHELD, "root", "thanks", clock.now_ms()))
        with pytest.raises(MeshError):
            await Telling(Forgetful(store.reports), append, encode, clock).tell()  # type: ignore[arg-type]
        await Telling(store.reports, append, encode, clock).tell()
        entries = await store.log.read(ConversationId(ADA), 1, 10, 10)
        assert [(entry.seq, entry.kind) for entry in entries] == [(1, EntryKind.REPORT)]
        assert await store.reports.untold(10) == []
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
