"""The programs that the check runs: a real API server, its client, and etcd, kept by version in var/k8s/.

They are built from the sources that the Go module proxy has (kube-apiserver takes about 9 minutes, once), and etcd is
the one of the system or of its packages.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from k8s import ROOT

MINOR_PATCH: Final = "34.2"
VERSION: Final = f"1.{MINOR_PATCH}"
FOLDER: Final = ROOT / "var" / "k8s" / VERSION
SOURCES: Final = "k8s.io/kubernetes"
STAGED: Final = "./staging/src/"
COMMANDS: Final = ("kube-apiserver", "kubectl")


class MissingError(Exception):
    """A program cannot be had here; one line that says which and why."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Paths of programs."""

    apiserver: Path
    kubectl: Path
    etcd: Path


def obtain() -> Tools:
    """Return the programs, built if they are not there yet. Raises MissingError."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    missing = [name for name in COMMANDS if not (FOLDER / name).exists()]
    if missing:
        _build(missing)
    return Tools(FOLDER / "kube-apiserver", FOLDER / "kubectl", _etcd())


def _build(commands: Iterable[str]) -> None:
    if shutil.which("go") is None:
        raise MissingError(f"go is not installed: it builds the API server of Kubernetes {VERSION}")
    print(f"building Kubernetes {VERSION}: some minutes, once", flush=True)
    with TemporaryDirectory() as temporary:
        work = Path(temporary)
        _write_module(work)
        _go(work, "mod", "tidy")
        for command in commands:
            built = work / command
            _go(work, "build", "-trimpath", "-ldflags", _flags(), "-o", str(built), f"{SOURCES}/cmd/{command}")
            shutil.move(built, FOLDER / command)


def _write_module(work: Path) -> None:
    """A module that needs the two commands: `go install` refuses modules that replace others, and this one does."""
    imports = "\n".join(f'import _ "{SOURCES}/cmd/{command}"' for command in COMMANDS)
    (work / "tools.go").write_text(f"//go:build tools\n\npackage tools\n\n{imports}\n", encoding="ascii")
    (work / "go.mod").write_text("module tools\n", encoding="ascii")
    module = json.loads(_go(work, "mod", "download", "-json", f"{SOURCES}@v{VERSION}"))
    stated = json.loads(_go(work, "mod", "edit", "-json", module["GoMod"]))
    replaced = "\n".join(f"\t{name} => {name} v0.{MINOR_PATCH}" for name in _staged(stated))
    text = f"module tools\n\ngo {stated['Go']}\n\nrequire {SOURCES} v{VERSION}\n\nreplace (\n{replaced}\n)\n"
    (work / "go.mod").write_text(text, encoding="ascii")


def _staged(stated: dict[str, Any]) -> list[str]:
    """Modules that Kubernetes keeps in its own tree and publishes besides, with the same number after a zero."""
    replaces = stated["Replace"] or ()
    return [one["Old"]["Path"] for one in replaces if one["New"]["Path"].startswith(STAGED)]


def _flags() -> str:
    version = "k8s.io/component-base/version"
    minor = MINOR_PATCH.partition(".")[0]
    return f"-s -w -X {version}.gitVersion=v{VERSION} -X {version}.gitMajor=1 -X {version}.gitMinor={minor}"


def _go(work: Path, *arguments: str) -> str:
    command = ["nice", "-n", "19", "go", *arguments]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingError(f"go {arguments[0]} failed: {done.stderr.strip().rpartition(os.linesep)[2]}")
    return done.stdout


def _etcd() -> Path:
    """The etcd of the system, else the one of its package, unpacked and not installed."""
    found, unpacked = shutil.which("etcd"), FOLDER / "etcd"
    if found:
        return Path(found)
    if not unpacked.exists():
        _unpack_etcd(unpacked)
    return unpacked


def _unpack_etcd(target: Path) -> None:
    if shutil.which("apt-get") is None:
        raise MissingError("etcd is not installed, and there is no apt-get to get it")
    with TemporaryDirectory() as temporary:
        work = Path(temporary)
        try:
            subprocess.run(["apt-get", "download", "-qq", "etcd-server"], cwd=work, check=True, capture_output=True)
            subprocess.run(["dpkg", "-x", *map(str, work.glob("*.deb")), "."], cwd=work, check=True)
        except subprocess.CalledProcessError as error:
            raise MissingError("etcd is not installed, and its package etcd-server cannot be had") from error
        shutil.move(work / "usr" / "bin" / "etcd", target)
