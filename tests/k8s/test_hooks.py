"""Programs of the installation: the way to them is closed until an overlay takes the component, and then goes to them
alone.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from mesh.settings import load
from svc_message.app import Settings
from svc_message.infrastructure.outside.addresses import address_of, secret_of
from tests.k8s.policies import K8S, RECEIVER, Flow, documents, entering, leaving

SECRET = "sixteen characters or more"
SINKS = f'[audit]\nurl = "https://audit.parley-hooks:8443/events"\nsecret = "{SECRET}"\n'


def node() -> tuple[dict[str, str], dict[str, Any]]:
    """The variables that the component adds to message nodes, and their pod."""
    [patch] = documents("components/hooks/message.yaml")
    spec = patch["spec"]["template"]["spec"]
    [container] = spec["containers"]
    assert (patch["kind"], patch["metadata"]["name"], container["name"]) == ("Deployment", "message", "node")
    return {one["name"]: one["value"] for one in container["env"]}, spec


def test_only_message_nodes_reach_receivers_and_only_with_the_component() -> None:
    """One flow more, to a label, on the port of TLS; nothing comes in, and the base has no way out to them."""
    found = documents("components/hooks/network.yaml")
    assert leaving(found) == {Flow("message", RECEIVER, 8443)}
    assert entering(found) == set()
    assert RECEIVER not in {flow.target for flow in leaving(documents("base/network/*.yaml"))}
    assert found[0]["spec"]["egress"][0]["to"][0]["namespaceSelector"] == {}
    [component] = documents("components/hooks/kustomization.yaml")
    assert (component["kind"], component["resources"]) == ("Component", ["network.yaml"])
    assert component["patches"] == [{"path": "message.yaml", "target": {"kind": "Deployment", "name": "message"}}]


def test_settings_are_known_and_secrets_are_files(tmp_path: Path) -> None:
    """Every variable is a setting of the message service; secrets come from the mounted Secret, and addresses fit."""
    variables, spec = node()
    (tmp_path / "secret").write_text(SECRET, encoding="utf-8")
    (tmp_path / "sinks").write_text(SINKS, encoding="utf-8")
    files = {name: value for name, value in variables.items() if name.endswith("_FILE")}
    given = {name: str(tmp_path / ("sinks" if "SINKS" in name else "secret")) for name in files}
    settings = load(Settings, variables | given, "PARLEY_MESSAGE")
    assert address_of("PUSH", settings.push.url, "https").encrypted
    assert address_of("POLICY", settings.policy.url, "grpcs").encrypted
    assert secret_of("PUSH", settings.push.secret) == secret_of("POLICY", settings.policy.secret)
    [mount] = spec["containers"][0]["volumeMounts"]
    [volume] = spec["volumes"]
    assert (mount["readOnly"], mount["name"]) == (True, volume["name"])
    assert {str(Path(value).parent) for value in (*files.values(), settings.outside.authority)} == {mount["mountPath"]}
    assert {name for name in variables if re.search("SECRET|SINKS", name)} <= files.keys()


def test_the_patch_fits_the_deployment() -> None:
    """It is laid over the Deployment that is there, and no name of a volume is taken."""
    [deployment] = [one for one in documents("base/message.yaml") if one["kind"] == "Deployment"]
    _, spec = node()
    base = deployment["spec"]["template"]["spec"]
    assert {one["name"] for one in base["volumes"]} & {one["name"] for one in spec["volumes"]} == set()
    ours = yaml.safe_load((K8S / "base/member.yaml").read_text(encoding="utf-8"))
    assert "hooks" not in str(ours)
