"""A busy process that starts other programs, and prints how each of them ended. Run by `test_start_programs`."""

import asyncio
import contextlib

import grpc
import uvloop

from svc_message.infrastructure.examiner import program

PROGRAMS = 150
CHANNELS = 20


async def echo(request: bytes, _: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    """Answer what was asked."""
    return request


async def ask_for_ever(call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]) -> None:
    """Keep a connection busy."""
    while True:
        await call(b"hello")


async def main() -> None:
    """Serve, ask, and start programs meanwhile."""
    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(echo)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", {"Echo": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with contextlib.AsyncExitStack() as stack:
        for number in range(CHANNELS):
            own = (("test.channel", number), ("grpc.use_local_subchannel_pool", 1))
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=own))
            call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/test/Echo")
            task = asyncio.create_task(ask_for_ever(call))
            stack.callback(task.cancel)
        for _ in range(PROGRAMS):
            begun = program.start(("true",))
            print(await asyncio.to_thread(begun.wait))  # noqa: T201  the answer to the test
            program.end(begun)
    await server.stop(None)


def run() -> None:
    """Run it, as processes of the mesh do."""
    uvloop.run(main())
