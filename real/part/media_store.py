"""A store of files that speaks S3 and checks its signatures: Versity's gateway over a folder, built by Go.

Without Go, or with PARLEY_REAL_MEDIA=disk, the message nodes keep files in a folder that they share.
"""

import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from real import fetch, folder, ports, ready

MODULE: Final = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
"""Go checks it against the sums of its public database."""

BUCKET: Final = "parley-media"


class MediaStore:
    """One server; its data are files that survive it."""

    name = "media"
    port = ports.MEDIA
    home = folder.PARTS / "versitygw-1.8.0"

    def install(self) -> None:
        """See Part. It takes about three minutes, once."""
        if self.home.exists():
            return
        building = self.home.with_suffix(".part")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        done = subprocess.run(  # noqa: S603 - a command of this package
            ("go", "install", MODULE),  # noqa: S607 - Go is that of the system
            env={**os.environ, "GOBIN": str(building)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = " ".join(done.stderr.strip().splitlines()[-1:])
            raise fetch.InstallError(f"go failed: {last}; PARLEY_REAL_MEDIA=disk goes without")
        building.rename(self.home)

    def command(self) -> Sequence[str]:
        """See Part."""
        data = folder.data(self.name)
        (data / BUCKET).mkdir(exist_ok=True)
        return (str(self.home / "versitygw"), "--quiet", "--port", f"127.0.0.1:{self.port}", "posix", str(data))

    def environment(self) -> Mapping[str, str]:
        """See Part."""
        access, secret = (path.read_text() for path in key_files())
        return {"ROOT_ACCESS_KEY": access, "ROOT_SECRET_KEY": secret}

    def answers(self) -> bool:
        """See Part."""
        return ready.tcp(self.port)

    def url(self) -> str:
        """See Part."""
        return f"http://127.0.0.1:{self.port}"


def here() -> tuple[MediaStore, ...]:
    """The store, where it can be had."""
    wanted = os.environ.get("PARLEY_REAL_MEDIA") != "disk"
    return (MediaStore(),) if wanted and (MediaStore.home.exists() or shutil.which("go")) else ()


def settings() -> dict[str, str]:
    """Where the message nodes keep files."""
    if not here():
        return {"PARLEY_MESSAGE_MEDIA_URL": f"disk:{folder.data('media-folder')}"}
    access, secret = key_files()
    return {
        "PARLEY_MESSAGE_MEDIA_URL": f"s3://{BUCKET}?endpoint={MediaStore().url()}&region=us-east-1",
        "PARLEY_MESSAGE_MEDIA_ACCESS_KEY_FILE": str(access),
        "PARLEY_MESSAGE_MEDIA_SECRET_KEY_FILE": str(secret),
    }


def variables() -> dict[str, str]:
    """What the tests are told of it."""
    if not here():
        return {}
    access, secret = (path.read_text() for path in key_files())
    return {"PARLEY_TEST_S3": MediaStore().url(), "PARLEY_TEST_S3_KEYS": f"{access}:{secret}"}


def tell() -> None:
    """Say it when there is none."""
    if not here():
        print("media: without Go, or with PARLEY_REAL_MEDIA=disk, the message nodes share a folder for files")


def key_files() -> tuple[Path, Path]:
    """The files of the two keys, made once, readable by their owner only."""
    kept = folder.ROOT / "media-keys"
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths = kept / "access", kept / "secret"
    for path in paths:
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(16))
    return paths
