"""Calls that the state machine asks for, each in a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

from parley.conversation.v1 import conversation_pb2, conversation_service_pb2, conversation_service_pb2_grpc
from parley_sdk.errors import Code, ParleyError
from parley_sdk.infrastructure.calls import Calls
from parley_sdk.machine import Machine
from parley_sdk.machine.actions import ListStates, Pull, RefreshToken
from parley_sdk.session import Session

_PAGE: Final = 200
_CANCELLED: Final = ParleyError(Code.CANCELLED, "", "the client went offline")


class Errands:
    """Brings the machine an answer to each, also when it is cancelled."""

    def __init__(self, machine: Machine, calls: Calls, session: Session, done: Callable[[], None]) -> None:
        self._machine = machine
        self._calls = calls
        self._session = session
        self._done = done
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, errand: RefreshToken | Pull | ListStates) -> None:
        """Begin an errand."""
        match errand:
            case RefreshToken():
                self._spawn(self._refresh())
            case Pull(positions):
                self._spawn(self._pull(positions))
            case ListStates():
                self._spawn(self._list_states())

    async def cancel(self) -> None:
        """Let none run on."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._done()

    async def _refresh(self) -> None:
        try:
            await self._session.renew(await self._session.current())
        except ParleyError as error:
            self._machine.refresh_failed(error, self._loop.time())

    async def _pull(self, positions: tuple[conversation_pb2.Position, ...]) -> None:
        stub = self._calls.stub(conversation_service_pb2_grpc.ConversationServiceStub)
        try:
            response = await self._calls.unary(stub.Sync, conversation_service_pb2.SyncRequest(positions=positions))
        except ParleyError as error:
            self._machine.pull_failed(error, self._loop.time())
        except asyncio.CancelledError:
            self._machine.pull_failed(_CANCELLED, self._loop.time())
            raise
        else:
            self._machine.pulled(response, self._loop.time())

    async def _list_states(self) -> None:
        try:
            states = [state for archived in (False, True) for state in await self._states(archived=archived)]
        except ParleyError as error:
            self._machine.list_failed(error, self._loop.time())
        except asyncio.CancelledError:
            self._machine.list_failed(_CANCELLED, self._loop.time())
            raise
        else:
            self._machine.listed(states, self._loop.time())

    async def _states(self, *, archived: bool) -> list[conversation_pb2.ConversationState]:
        stub = self._calls.stub(conversation_service_pb2_grpc.ConversationServiceStub)
        request = conversation_service_pb2.ListConversationsRequest(archived=archived, page_size=_PAGE)
        states: list[conversation_pb2.ConversationState] = []
        while True:
            response = await self._calls.unary(stub.ListConversations, request)
            states += [_state(conversation) for conversation in response.conversations]
            if not response.next_page_token:
                return states
            request.page_token = response.next_page_token


def _state(conversation: conversation_pb2.Conversation) -> conversation_pb2.ConversationState:
    return conversation_pb2.ConversationState(
        conversation_id=conversation.conversation_id,
        head_seq=conversation.head_seq,
        first_seq=conversation.first_seq,
        read_seq=conversation.read_seq,
        peer_read_seq=conversation.peer_read_seq,
        left_seq=conversation.left_seq,
    )
