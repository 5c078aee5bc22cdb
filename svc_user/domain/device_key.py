"""What a device proves with that it was logged in to an account under its present password."""

import hmac

from svc_user.domain.account import UserId
from svc_user.domain.session import DeviceId


class DeviceKeys:
    """Makes keys of devices from a secret of the installation, so that nothing of them is kept.

    A key is bound to the hash of the password: whoever has one that is good was told the present password once, or has
    taken the device from somebody who was. After a change of the password all older ones are worth nothing.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of(self, user_id: UserId, device_id: DeviceId, password_hash: str) -> str:
        """The key: 256 bits in hex."""
        named = f"device key\0{user_id}\0{device_id}\0{password_hash}"
        return hmac.digest(self._secret, named.encode(), "sha256").hex()

    def proves(self, given: str, user_id: UserId, device_id: DeviceId, password_hash: str) -> bool:
        """Whether it is the key of this device. An empty hash has none."""
        right = self.of(user_id, device_id, password_hash)
        return hmac.compare_digest(given.encode(), right.encode()) and bool(password_hash)
