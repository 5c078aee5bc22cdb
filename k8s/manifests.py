"""Manifests as documents: rendered from an overlay, and what one sees in them."""

import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

Document = dict[str, Any]

WORKLOADS: Final = ("Deployment", "StatefulSet", "Job")


def render(kubectl: Path, folder: Path) -> list[Document]:
    """What `kubectl apply -k folder` would apply. Raises CalledProcessError; kustomize has said why."""
    done = subprocess.run([kubectl, "kustomize", folder], stdout=subprocess.PIPE, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


def text(documents: Iterable[Document]) -> str:
    """The documents as one text."""
    return yaml.safe_dump_all(documents, sort_keys=False)


def of_kind(documents: Iterable[Document], *kinds: str) -> list[Document]:
    """The documents of these kinds."""
    return [one for one in documents if one["kind"] in kinds]


def title(document: Document) -> str:
    """What a reader calls it."""
    return f"{document['kind']} {document['metadata']['name']}"


def pods(documents: Iterable[Document]) -> list[Document]:
    """A pod of each workload: admission of pods judges those, and not the templates that they come from."""
    return [_pod(one) for one in of_kind(documents, *WORKLOADS)]


def _pod(workload: Document) -> Document:
    template = workload["spec"]["template"]
    names = {"name": f"{workload['metadata']['name']}-0", "namespace": workload["metadata"]["namespace"]}
    spec = {**template["spec"], "volumes": [*template["spec"].get("volumes", ()), *_claims(workload)]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], **names}, "spec": spec}


def _claims(workload: Document) -> list[Document]:
    """The volumes that a StatefulSet gives to its first pod."""
    names = [claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", ())]
    return [{"name": name, "persistentVolumeClaim": {"claimName": f"{name}-0"}} for name in names]


def dangling(documents: Sequence[Document]) -> list[str]:
    """What pods refer to and nobody makes: one line each. The API server takes such a pod, and it never starts."""
    made = {(one["metadata"].get("namespace"), one["kind"], one["metadata"]["name"]) for one in documents}
    lines = []
    for pod in pods(documents):
        here, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        wanted = [(kind, other) for kind, other in _references(pod["spec"]) if (here, kind, other) not in made]
        lines += [f"{name} wants {kind} {other}, which is not there" for kind, other in wanted]
    return lines


def _references(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "serviceAccountName" in spec:
        yield "ServiceAccount", spec["serviceAccountName"]
    for volume in spec.get("volumes", ()):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
    for container in spec["containers"]:
        for source in container.get("envFrom", ()):
            yield "ConfigMap", source["configMapRef"]["name"]
