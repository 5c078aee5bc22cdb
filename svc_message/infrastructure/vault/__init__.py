"""Where the bytes of media are: the store that a URL names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mesh.clock import Clock
from mesh.settings import Secret, SettingError
from svc_message.domain.media.ports import Vault
from svc_message.infrastructure.vault.disk import DiskVault


@asynccontextmanager
async def open_vault(url: str, access_key: Secret, secret_key: Secret, clock: Clock) -> AsyncIterator[Vault]:
    """Open `disk:<folder>`, or `s3://<bucket>?endpoint=<url>&region=<name>` with these keys.

    Raises SettingError for any other URL.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "disk" and rest:
        async with DiskVault.opened(str(Path(rest).absolute()), clock) as vault:  # noqa: ASYNC240 - once, at the start
            yield vault
    elif scheme == "s3":
        from svc_message.infrastructure.vault import s3  # noqa: PLC0415  a process that needs no driver loads none

        async with s3.opened(url, access_key, secret_key) as vault:
            yield vault
    else:
        raise SettingError("MEDIA_URL: must be disk:<folder> or s3://<bucket>?endpoint=<url>&region=<name>")
