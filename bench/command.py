"""The command: scenarios with their options, one after the other, each as often as asked."""

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any, Final

import grpc
import uvloop

from bench import machine, report, server, smoke
from bench.child import ChildError
from bench.machine import Cores
from bench.progress import Progress
from bench.result import Result, merge
from bench.scenario import cluster, direct, group, growth, idle, logins, offline, overload, routes, storm

EXIT_FAULTS: Final = 1
EXIT_NOT_RUN: Final = 2
EXIT_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class Scenario:
    """What can be measured: its options are the fields of a dataclass, each with a default."""

    options: Callable[..., Any]
    run: Callable[[Any, Cores, Progress], Awaitable[Result]]
    parts: bool = False
    """Whether it needs the real parts: then it runs only when it is asked for by its name."""


SCENARIOS: Final = {
    "direct": Scenario(direct.Options, direct.run),
    "group": Scenario(group.Options, group.run),
    "idle": Scenario(idle.Options, idle.run),
    "storm": Scenario(storm.Options, storm.run),
    "offline": Scenario(offline.Options, offline.run),
    "overload": Scenario(overload.Options, overload.run),
    "growth": Scenario(growth.Options, growth.run),
    "logins": Scenario(logins.Options, logins.run),
    "routes": Scenario(routes.Options, routes.run, parts=True),
    "cluster": Scenario(cluster.Options, cluster.run, parts=True),
}


def main() -> int:
    """Measure; return 0, 1 when messages were lost, repeated or reordered, 2 when it could not be run."""
    arguments = parser().parse_args()
    cores = machine.pick_cores()
    # Before gRPC has threads: they inherit the core.
    os.sched_setaffinity(0, {cores.load})
    # Whoever ends us in any orderly way finds nothing left behind. A shell has us ignore SIGINT in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    progress = Progress()
    try:
        return int(arguments.work(arguments, cores, progress))
    except KeyboardInterrupt:
        progress.clear()
        return EXIT_INTERRUPTED


def _attempt(work: Callable[[], int], progress: Progress) -> int:
    """Do something that may turn out to be impossible, and say why it was."""
    try:
        return work()
    except (ChildError, ConnectionError, TimeoutError, grpc.aio.AioRpcError, ExceptionGroup) as error:
        progress.clear()
        sys.stderr.write(f"{_innermost(error)}\n")
        return EXIT_NOT_RUN


def parser() -> argparse.ArgumentParser:
    """Return what understands the command line: each scenario is a command of its own."""
    whole = argparse.ArgumentParser(prog="bench", description="Measure the mesh on two cores of this machine.")
    commands = whole.add_subparsers(required=True, metavar="SCENARIO")
    for name, scenario in SCENARIOS.items():
        command = commands.add_parser(
            name, help=(sys.modules[scenario.run.__module__].__doc__ or "").partition("\n")[0]
        )
        _add_options(command, scenario)
        _add_runs(command)
        command.set_defaults(work=_run_one, name=name)
    everything = commands.add_parser("all", help="all scenarios that need no real parts, one after the other")
    _add_runs(everything)
    everything.set_defaults(work=_run_all)
    quick = commands.add_parser("smoke", help="compare the cost of a message with the committed one, in two minutes")
    quick.add_argument("--accept", action="store_true", help="take what is measured as the reference from now on")
    quick.set_defaults(work=_smoke)
    return whole


def _add_runs(command: argparse.ArgumentParser) -> None:
    command.add_argument("--runs", type=_positive, default=1, help="how often; the median and the spread are shown (1)")


def _add_options(command: argparse.ArgumentParser, scenario: Scenario) -> None:
    """Each field of the options is an option; a tuple is given as 1,4,16, the program as words."""
    for field in fields(scenario.options()):
        flag, default = f"--{field.name.replace('_', '-')}", field.default
        if isinstance(default, bool):
            command.add_argument(flag, action=argparse.BooleanOptionalAction, default=default)
        elif field.name == "program":
            command.add_argument(flag, type=_words, default=default, help="what python runs (-m standalone)")
        elif isinstance(default, tuple):
            command.add_argument(flag, type=_numbers, default=default, help=",".join(map(str, default)))
        else:
            command.add_argument(flag, type=type(default), default=default, help="(%(default)s)")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _words(text: str) -> tuple[str, ...]:
    return tuple(shlex.split(text))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


def _run_one(arguments: argparse.Namespace, cores: Cores, progress: Progress) -> int:
    scenario = SCENARIOS[arguments.name]
    names = [field.name for field in fields(scenario.options())]
    try:
        options = scenario.options(**{name: getattr(arguments, name) for name in names})
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_NOT_RUN
    return _attempt(lambda: _measure(arguments.name, options, arguments.runs, cores, progress), progress)


def _run_all(arguments: argparse.Namespace, cores: Cores, progress: Progress) -> int:
    """Run each scenario, whatever became of those before it; the worst of them is the outcome."""
    worst = 0
    for name, scenario in ((name, one) for name, one in SCENARIOS.items() if not one.parts):
        print(f"\n== {name}\n", flush=True)
        work = partial(_measure, name, scenario.options(), arguments.runs, cores, progress)
        worst = max(worst, _attempt(work, progress))
    return worst


def _measure(name: str, options: Any, runs: int, cores: Cores, progress: Progress) -> int:
    scenario = SCENARIOS[name]
    results = [uvloop.run(_awaited(scenario.run(options, cores, progress))) for _ in range(runs)]
    result = merge(results)
    progress.clear()
    setting = report.Setting(name, runs, cores, server.settings(), asdict(options))
    print(report.table(result))
    print(report.write(setting, result), flush=True)
    return EXIT_FAULTS if result.faults else 0


async def _awaited(work: Awaitable[Result]) -> Result:
    return await work


def _smoke(arguments: argparse.Namespace, cores: Cores, progress: Progress) -> int:
    return _attempt(lambda: _compare(cores, progress, accept=arguments.accept), progress)


def _compare(cores: Cores, progress: Progress, *, accept: bool) -> int:
    found = uvloop.run(smoke.measure(cores, progress))
    if accept:
        smoke.accept(found)
    elif smoke.looks_dearer(found, smoke.reference()):
        progress.show("dearer than it was: looking again")
        found = found.better_of(uvloop.run(smoke.measure(cores, progress)))
    progress.clear()
    lines, good = smoke.compare(found, smoke.reference())
    print("\n".join(lines), flush=True)
    return 0 if good else EXIT_FAULTS


def _innermost(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return _innermost(error.exceptions[0])
    return str(error) or type(error).__name__
