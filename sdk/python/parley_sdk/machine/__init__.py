"""The one state machine of a Parley client: what came in, what the time is, and what is to be done now.

Pure: it opens nothing, waits for nothing and knows no clock. Whoever drives it tells it what happened with the present
time (seconds of a monotonic clock), carries out the actions, and calls it again at `wake_at`. A client in another
language copies this package and writes its own driver.
"""

from parley_sdk.machine.actions import Action
from parley_sdk.machine.limits import Limits
from parley_sdk.machine.machine import Machine
from parley_sdk.machine.saved import Saved, SavedPlace, SavedSend

__all__ = ["Action", "Limits", "Machine", "Saved", "SavedPlace", "SavedSend"]
