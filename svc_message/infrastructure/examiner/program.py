"""A program that is started beside this process.

`asyncio` with uvloop forks, and gRPC takes part in each fork: of the programs that a busy process starts so, a sixth
die before they begin. `subprocess` starts them without a copy of this process, so there is nothing to take part in.
"""

import subprocess
from collections.abc import Sequence
from contextlib import suppress


def start(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start it, with pipes to it and from it, and with nothing of our environment, where secrets may be.

    Takes a millisecond or two. Raises OSError when there can be none.
    """
    return subprocess.Popen(  # noqa: S603 - a command of ours
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"LC_ALL": "C.UTF-8"},
    )


def exchange(program: "subprocess.Popen[bytes]", line: bytes, limit: int) -> bytes:
    """Give it a line and wait for the one that it answers; one without an end, or none, if it dies. Blocks."""
    assert program.stdin  # noqa: S101 - it has pipes
    assert program.stdout  # noqa: S101 - as above
    with suppress(BrokenPipeError):  # it has died: there is no answer either
        program.stdin.write(line)
        program.stdin.flush()
    return program.stdout.readline(limit)


def end(program: "subprocess.Popen[bytes]") -> None:
    """End it, and whoever waits for its answer. Blocks for a moment."""
    program.kill()
    program.wait()
    for pipe in (program.stdin, program.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):  # what it did not read
                pipe.close()
