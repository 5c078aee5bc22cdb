"""python -m tests.walk: walk on with one seed after the other, until one fails or the seeds are used up.

    python -m tests.walk --seeds 1:200 --steps-each 150
    python -m tests.walk --steps 'post:12 edit:9'

With PARLEY_TEST_EDGE=host:port it walks on a mesh that runs there, and kills nothing.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

# gRPC's core prints each closed connection otherwise. It reads this when it is loaded.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from tests.journeys.mesh import Mesh, started
from tests.walk.plan import parsed, plan, shorten, tell, words_of


def main() -> int:
    """Walk; return 1 when a walk fails."""
    options = _options()
    edge = os.environ.get("PARLEY_TEST_EDGE", "")
    if edge:
        return asyncio.run(_walk(edge, None, options))
    with tempfile.TemporaryDirectory() as folder, started(Path(folder) / "data") as mesh:
        return asyncio.run(_walk(mesh.address, mesh, options))


async def _walk(address: str, mesh: Mesh | None, options: argparse.Namespace) -> int:
    first, _, last = options.seeds.partition(":")
    failed = 0
    for seed in range(int(first), int(last or first) + 1):
        began = time.monotonic()
        steps = parsed(options.steps) if options.steps else plan(seed, options.steps_each)
        steps = [step for step in steps if step.kind != "kill" or not options.no_kill]
        failure = await tell(address, mesh, steps)
        if failure is not None:
            failed += 1
            print(words_of(seed, await shorten(address, mesh, failure, options.tries)), flush=True)
            if not options.on:
                return 1
        print(f"seed {seed}: {len(steps)} steps, {time.monotonic() - began:.1f} s", flush=True)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.walk")
    parser.add_argument("--seeds", default="1:20", help="from:to, or one")
    parser.add_argument("--steps-each", type=int, default=150, help="steps of a walk")
    parser.add_argument("--steps", default="", help="these steps, as a failure tells them")
    parser.add_argument("--tries", type=int, default=40, help="walks to shorten a failure")
    parser.add_argument("--no-kill", action="store_true", help="leave the mesh running, which is quicker")
    parser.add_argument("--on", action="store_true", help="go on with the next seed after a failure")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
