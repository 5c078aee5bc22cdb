"""What may be set."""

from dataclasses import dataclass, field

from mesh.live import SendRate
from mesh.settings import Secret
from svc_message.domain.media.file import MediaLimits
from svc_message.infrastructure.model_judge import JudgingSettings
from svc_message.infrastructure.outside.addresses import (
    EventSettings,
    OutsideSettings,
    PolicySettings,
    PushSettings,
)


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """`url` is where the bytes of media are: `disk:<folder>`, or `s3://<bucket>?endpoint=<url>&region=<name>` with the
    two keys.
    """

    url: str = "disk:var/media"
    access_key: Secret = Secret()
    secret_key: Secret = Secret()
    max_bytes: int = field(default=100 * 1024 * 1024, metadata={"least": 1})
    quota_bytes: int = 5 * 1024 * 1024 * 1024
    uploads: int = field(default=20, metadata={"least": 1})
    files: int = field(default=20_000, metadata={"least": 1})
    examiners: int = field(default=2, metadata={"least": 1})
    previews: bool = True

    def limits(self) -> MediaLimits:
        """What a user may have."""
        return MediaLimits(
            message_bytes=self.max_bytes, quota_bytes=self.quota_bytes, uploads=self.uploads, files=self.files
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """`store_url` is where the logs are: `sqlite:<path>`, or `mongodb://<user>@<hosts>/<database>?<options>` with
    `store_password`. One user sends `sends_burst` messages at once and `sends_per_second` in the long run, at one node;
    0 sets no limit.
    """

    store_url: str = "sqlite:var/message.db"
    store_password: Secret = Secret()
    sends_burst: int = 20
    sends_per_second: float = 10.0
    media: MediaSettings = field(default_factory=MediaSettings)
    outside: OutsideSettings = field(default_factory=OutsideSettings)
    push: PushSettings = field(default_factory=PushSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    judging: JudgingSettings = field(default_factory=JudgingSettings)
    events: EventSettings = field(default_factory=EventSettings)

    def rate(self) -> SendRate | None:
        """How fast one user may send; None without a limit."""
        unlimited = self.sends_burst <= 0 or self.sends_per_second <= 0
        return None if unlimited else SendRate(self.sends_burst, self.sends_per_second)
