"""What an installation may change of the user service."""

from dataclasses import dataclass, field

from mesh.settings import Secret, SettingError
from svc_user.application.throttle import ThrottleSettings
from svc_user.domain.device_rules import DeviceRules, Policy
from svc_user.infrastructure.passwords import HashSettings


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """Which devices of a user may be logged in beside each other: `policy` is a value of `Policy`."""

    policy: str = Policy.ALL.value
    per_platform: int = field(default=5, metadata={"least": 1})
    per_user: int = field(default=20, metadata={"least": 1})

    def rules(self) -> DeviceRules:
        """The rules. SettingError for a policy that does not exist."""
        if self.policy not in list(Policy):
            raise SettingError(f"PARLEY_USER_DEVICES_POLICY: must be one of {', '.join(Policy)}")
        return DeviceRules(Policy(self.policy), self.per_platform, self.per_user)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the store is, how often a password may be tried, how it is hashed, and how many devices a user may have.

    `store_url` is `sqlite:<path>`, or `mongodb://<user>@<hosts>/<database>?<options>` with `store_password`.
    """

    store_url: str = "sqlite:var/user.db"
    store_password: Secret = Secret()
    throttle: ThrottleSettings = field(default_factory=ThrottleSettings)
    hashing: HashSettings = field(default_factory=HashSettings)
    devices: DeviceSettings = field(default_factory=DeviceSettings)
