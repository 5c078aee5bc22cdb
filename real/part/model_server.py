"""A model server for tests: LiteLLM's proxy, which speaks as OpenAI's servers do and whose model always says the same.

Only with PARLEY_REAL_MODEL=yes: it takes 0.7 GB. The mesh is not told of it; the suite of models is.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from real import fetch, folder, ports, ready, trust

LOCK: Final = folder.HERE / "part/model_server.txt"
MODEL: Final = "a-model"
SAYS: Final = " ".join(str(number) for number in range(1, 21))

CONFIGURATION: Final = f"""\
model_list:
  - model_name: {MODEL}
    litellm_params: {{model: openai/{MODEL}, api_key: none, mock_response: "{SAYS}"}}
"""


class ModelServer:
    """One server, which asks nobody."""

    name = "model"
    port = ports.MODEL
    home = folder.PARTS / "litellm-1.108.7"

    def install(self) -> None:
        """See Part. It takes two or three minutes, once; the digests of all 122 packages are checked."""
        if self.home.exists():
            return
        making = self.home.with_suffix(".part")
        shutil.rmtree(making, ignore_errors=True)
        uv = Path(sys.executable).with_name("uv")
        _run(sys.executable, "-m", "venv", "--without-pip", str(making))
        _run(str(uv), "pip", "install", "--quiet", "--python", str(making / "bin/python"), "--require-hashes",
             "--requirement", str(LOCK))  # fmt: skip
        making.rename(self.home)

    def command(self) -> Sequence[str]:
        """See Part. Its scripts name the folder that they were installed in, so it is started as a module."""
        configuration = folder.data(self.name) / "litellm.yaml"
        configuration.write_text(CONFIGURATION)
        start = "from litellm import run_server; run_server()"
        address = ("--host", "127.0.0.1", "--port", str(self.port))
        return (str(self.home / "bin/python"), "-c", start, "--config", str(configuration), *address)

    def environment(self) -> Mapping[str, str]:
        """See Part. The list of prices is its own, and not fetched."""
        return {"LITELLM_MASTER_KEY": key_file().read_text(), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}

    def answers(self) -> bool:
        """See Part."""
        return ready.http(self.port, "/health/liveliness")

    def url(self) -> str:
        """See Part."""
        return f"http://127.0.0.1:{self.port}/v1"


def wanted() -> tuple[ModelServer, ...]:
    """The server, where somebody asks for it."""
    return (ModelServer(),) if os.environ.get("PARLEY_REAL_MODEL") == "yes" else ()


def variables() -> dict[str, str]:
    """What the tests are told of it."""
    return {
        name: value
        for server in wanted()
        for name, value in {
            "PARLEY_TEST_MODEL_URL": server.url(),
            "PARLEY_TEST_MODEL_NAME": MODEL,
            "PARLEY_TEST_MODEL_KEY_FILE": str(key_file()),
        }.items()
    }


def key_file() -> Path:
    """The file of its key, which begins as its keys must; readable by its owner only."""
    return trust.secret_file("model.key", f"sk-{trust.password('model')}")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - commands of this package
    if done.returncode:
        last = " ".join(done.stderr.strip().splitlines()[-1:])
        raise fetch.InstallError(f"the model server was not installed: {last}")
