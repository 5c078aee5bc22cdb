"""The settings of the AI service."""

from dataclasses import dataclass, field

from mesh.settings import Secret
from svc_ai.application.follow import Workload
from svc_ai.application.show import Pace
from svc_ai.application.write import Bounds
from svc_ai.domain.assistant import Profile
from svc_ai.domain.usage import Daily
from svc_ai.infrastructure.judges import JudgeSettings
from svc_ai.infrastructure.models import ModelSettings, OfferSettings
from svc_ai.infrastructure.scripted import ScriptedSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """`store_url` is `sqlite:<path>`, or `mongodb://<user>@<hosts>/<database>?<options>` with `store_password`."""

    store_url: str = "sqlite:var/ai.db"
    store_password: Secret = Secret()
    model: ModelSettings = field(default_factory=ModelSettings)
    offer: OfferSettings = field(default_factory=OfferSettings)
    assistant: Profile = field(default_factory=Profile)
    scripted: ScriptedSettings = field(default_factory=ScriptedSettings)
    judge: JudgeSettings = field(default_factory=JudgeSettings)
    bounds: Bounds = field(default_factory=Bounds)
    workload: Workload = field(default_factory=Workload)
    pace: Pace = field(default_factory=Pace)
    requests_per_minute: int = 20
    daily: Daily = field(default_factory=Daily)
    prices: str = ""
