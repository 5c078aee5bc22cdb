"""Holds the contracts to buf's rules.

    python proto/check.py lint        every rule of buf.yaml, comments included
    python proto/check.py breaking    no change that an app in the field cannot live with, since the last release
                                      (the newest tag v*; before the first one, the branch main)

buf reads an image built by protoc: it would need a network to find the files that the contracts import.
"""

import io
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from generate import PROTO, protoc, sources

ROOT = PROTO.parent
BUF = Path(sys.executable).parent / "buf"


def main() -> int:
    """Return the exit code of the command."""
    commands = {"lint": lint, "breaking": breaking}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:  # noqa: PLR2004 - the program and one word
        print(__doc__, file=sys.stderr)
        return 2
    with TemporaryDirectory() as temporary:
        commands[sys.argv[1]](Path(temporary))
    return 0


def lint(work: Path) -> None:
    """Refuse contracts that break a rule of buf.yaml."""
    buf("lint", image(PROTO, work / "now.binpb"))


def breaking(work: Path) -> None:
    """Refuse contracts that break those of the baseline."""
    ref = baseline()
    if ref is None or not unpack(ref, work):
        print(f"nothing to compare with: {ref or 'no release and no branch main'} has no contracts")
        return
    print(f"compared with {ref}")
    before = image(work / "proto", work / "before.binpb")
    buf("breaking", image(PROTO, work / "now.binpb"), "--against", before)


def image(proto: Path, out: Path) -> Path:
    """Compile the contracts below `proto`, with their comments and imports, into the file that buf reads."""
    protoc(proto, f"--descriptor_set_out={out}", "--include_imports", "--include_source_info", *sources(proto))
    return out


def buf(*arguments: str | Path) -> None:
    """Apply the project's rules to its own contracts. It has said why when CalledProcessError is raised."""
    subprocess.run([BUF, *arguments, "--path", "parley", "--config", ROOT / "buf.yaml"], check=True, cwd=ROOT)


def baseline() -> str | None:
    """Return the git ref whose contracts must go on working: a release, or main before there is one."""
    releases = git("tag", "--list", "v*", "--sort=-version:refname").decode().split()
    candidates = [*releases[:1], "origin/main", "main"]
    return next((ref for ref in candidates if git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")), None)


def unpack(ref: str, work: Path) -> bool:
    """Write the contracts of `ref` to `work`/proto; return whether it has any."""
    archive = git("archive", "--format=zip", ref, "proto/parley")
    if not archive:
        return False
    ZipFile(io.BytesIO(archive)).extractall(work)
    return bool(sources(work / "proto"))


def git(*arguments: str) -> bytes:
    """Return what git prints, which is nothing where it refuses: no repository, no such ref, no such folder."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False).stdout  # noqa: S607


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
