"""python -m bench SCENARIO."""

import argparse
import os
import shlex
import sys
from dataclasses import asdict

# gRPC's core prints each closed connection otherwise. It reads this when it is loaded.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

import grpc
import uvloop

from bench import direct, machine, report, server
from bench.child import ChildError
from bench.progress import Progress

SCENARIOS = {"direct": direct.run}


def main() -> int:
    """Run a scenario; return 0, 1 when messages were lost, repeated or reordered, 2 when it could not be run."""
    arguments = _parser().parse_args()
    cores = machine.pick_cores()
    # Before gRPC has threads: they inherit the core.
    os.sched_setaffinity(0, {cores.load})
    options = _options(arguments)
    progress = Progress()
    try:
        result = uvloop.run(SCENARIOS[arguments.scenario](options, cores, progress))
    except (ChildError, ConnectionError, grpc.aio.AioRpcError, ExceptionGroup) as error:
        progress.clear()
        sys.stderr.write(f"{_innermost(error)}\n")
        return 2
    except KeyboardInterrupt:
        progress.clear()
        return 130
    progress.clear()
    setting = report.Setting(arguments.scenario, cores, server.settings(), asdict(options))
    print(report.table(result))
    print(report.write(setting, result))
    return 1 if result.faults else 0


def _parser() -> argparse.ArgumentParser:
    defaults = direct.Options()
    parser = argparse.ArgumentParser(prog="bench", description="Measure the mesh on two cores of this machine.")
    parser.add_argument("scenario", choices=sorted(SCENARIOS))
    parser.add_argument("--users", type=_even, default=defaults.users, help="an even number (%(default)s)")
    parser.add_argument("--windows", type=_windows, default=defaults.windows, help="in flight, such as 1,4,16 (4)")
    parser.add_argument("--seconds", type=float, default=defaults.seconds, help="of each pass (%(default)s)")
    parser.add_argument("--warm-up", type=float, default=defaults.warm_up_s, help="seconds (%(default)s)")
    parser.add_argument("--text", type=int, default=defaults.text_characters, help="characters (%(default)s)")
    parser.add_argument("--no-half-rate", action="store_true", help="without the pass at half of the rate")
    parser.add_argument(
        "--program", type=shlex.split, default=list(defaults.program), help="what python runs (-m standalone)"
    )
    return parser


def _options(arguments: argparse.Namespace) -> direct.Options:
    return direct.Options(
        users=arguments.users,
        windows=arguments.windows,
        seconds=arguments.seconds,
        warm_up_s=arguments.warm_up,
        text_characters=arguments.text,
        half_rate=not arguments.no_half_rate,
        program=tuple(arguments.program),
    )


def _even(text: str) -> int:
    number = int(text)
    if number < 2 or number % 2:  # noqa: PLR2004  a pair
        raise argparse.ArgumentTypeError("users come in pairs")
    return number


def _windows(text: str) -> tuple[int, ...]:
    windows = tuple(int(part) for part in text.split(","))
    if not all(0 < window <= 256 for window in windows):  # noqa: PLR2004  what the server lets be unanswered
        raise argparse.ArgumentTypeError("from 1 to 256")
    return windows


def _innermost(error: BaseException) -> BaseException:
    return _innermost(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


if __name__ == "__main__":
    sys.exit(main())
