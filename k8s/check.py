"""Holds the manifests to a real API server: it must take all of them, and refuse planted mistakes.

Everything is a dry run on the server, but for what pods need to be judged at all: namespaces and accounts.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from k8s import OVERLAYS, ROOT, credentials
from k8s.alerts import NAMESPACE
from k8s.manifests import Document, dangling, of_kind, pods, render, text, title
from k8s.mistakes import MISTAKES, Mistake, planted
from k8s.server import Cluster, ServerError, running
from k8s.tools import VERSION, MissingError, Tools, obtain

LOGS: Final = ROOT / "var" / "k8s" / "log"
APPLY: Final = ("apply", "--server-side", "--warnings-as-errors", "--filename=-")
DRY: Final = (*APPLY, "--dry-run=server")


def check() -> int:
    """Say what holds, line by line; return the exit code."""
    try:
        tools = obtain()
        with running(tools, LOGS) as cluster:
            faults = [fault for overlay in OVERLAYS for fault in _hold(overlay, tools, cluster)]
            faults += _hold_monitoring(tools, cluster)
    except (MissingError, ServerError) as error:
        print(f"k8s-check: {error}")
        return 1
    for fault in faults:
        print(f"  WRONG  {fault}")
    return 1 if faults else 0


def _hold(overlay: str, tools: Tools, cluster: Cluster) -> list[str]:
    """What is wrong with an overlay: one line each."""
    try:
        documents = _documents(overlay, tools)
    except subprocess.CalledProcessError:
        return [f"{overlay}: kustomize does not build it"]
    faults = [*dangling(documents), *_prepared(documents, cluster), *_accepted(documents, cluster)]
    print(f"{overlay}: {len(documents)} objects, {len(pods(documents))} pods, on Kubernetes {VERSION}", flush=True)
    mistakes = [one for one in MISTAKES if _is_there(one, documents)]
    faults += [fault for one in mistakes for fault in _refused(one, documents, cluster)]
    print(f"{overlay}: {len(mistakes)} planted mistakes", flush=True)
    return [f"{overlay}: {fault}" for fault in faults]


def _hold_monitoring(tools: Tools, cluster: Cluster) -> list[str]:
    """The same for what the cluster's Prometheus and Grafana read, in the namespace where they are."""
    namespace: Document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    documents = [namespace, *render(tools.kubectl, ROOT / "k8s" / "monitoring")]
    print(f"monitoring: {len(documents) - 1} objects", flush=True)
    return [f"monitoring: {fault}" for fault in (*_prepared(documents, cluster), *_accepted(documents, cluster))]


def _documents(overlay: str, tools: Tools) -> list[Document]:
    """The overlay, and the secrets of a trial installation, which it refers to."""
    with TemporaryDirectory() as temporary:
        credentials.make(Path(temporary))
        secrets = render(tools.kubectl, Path(temporary))
    documents = render(tools.kubectl, ROOT / "k8s" / "overlays" / overlay)
    there = {one["metadata"]["name"] for one in of_kind(documents, "Namespace")}
    return documents + [one for one in secrets if one["metadata"]["namespace"] in there]


def _prepared(documents: Sequence[Document], cluster: Cluster) -> list[str]:
    """Make for real what the server asks for before it looks at a pod; `default` is what a controller makes."""
    namespaces, accounts = of_kind(documents, "Namespace"), of_kind(documents, "ServiceAccount")
    default = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": one}}
        for one in (namespace["metadata"]["name"] for namespace in namespaces)
    ]
    return [fault for kind in (namespaces, accounts, default) if kind for fault in _faults(kind, cluster, APPLY)]


def _accepted(documents: Sequence[Document], cluster: Cluster) -> list[str]:
    return [fault for one in (*documents, *pods(documents)) for fault in _faults([one], cluster, DRY)]


def _faults(documents: Sequence[Document], cluster: Cluster, command: Sequence[str]) -> list[str]:
    done = cluster.run(*command, documents=text(documents))
    return [f"{title(documents[0])}: {done.stderr.strip()}"] if done.returncode else []


def _is_there(mistake: Mistake, documents: Sequence[Document]) -> bool:
    """Whether the overlay has what the mistake would be made in: not all of them have the parts behind."""
    candidates = pods(documents) if mistake.kind == "Pod" else of_kind(documents, mistake.kind)
    return any(one["metadata"]["name"] == mistake.name for one in candidates)


def _refused(mistake: Mistake, documents: Sequence[Document], cluster: Cluster) -> list[str]:
    done = cluster.run(*DRY, documents=text([planted(mistake, documents)]))
    if not done.returncode:
        return [f"{mistake.title} was accepted"]
    return [] if mistake.answer in done.stderr else [f"{mistake.title} was refused for another reason: {done.stderr}"]
