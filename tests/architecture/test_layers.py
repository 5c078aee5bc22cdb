"""The import rules of pyproject.toml hold, and each of them catches what it is there to catch."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = ("", "gen", "sdk/python")

SERVICES = "services stand on the mesh and never on each other"
LAYERS = "every service has the same layers and no other module"
PURE = "use cases, rules and ports know no wire, store or driver"
OUTSIDERS = "the SDK and the terminal client are outsiders"
WIRING = "only wiring opens a backend"
DRIVERS = "a driver has one home"
CIRCLES = "neighbours in a package do not import each other in a circle"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of the project's packages that a test may spoil."""
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    for package in tomllib.loads(settings)["tool"]["importlinter"]["root_packages"]:
        copy(package, tmp_path)
    return tmp_path


def copy(package: str, to: Path) -> None:
    """Copy the Python files of one package from whichever source root has it."""
    for root in SOURCE_ROOTS:
        for file in (ROOT / root / package).rglob("*.py"):
            target = to / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def lint(tree: Path) -> tuple[int, str]:
    """Return the exit code and the output of lint-imports in `tree`."""
    paths = os.pathsep.join(str(tree / root) for root in SOURCE_ROOTS)
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def plant(tree: Path, module: str, line: str) -> None:
    """Add a line to a module, which is made if there is none of that name."""
    path = tree / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(f"{before}\n{line}\n", encoding="utf-8")


def test_the_tree_as_it_stands_keeps_every_contract(tree: Path) -> None:
    code, output = lint(tree)
    assert code == 0, output


@pytest.mark.parametrize(
    "module,line,contract",
    [
        pytest.param("svc_user.domain", "import grpc", PURE, id="the wire in a domain"),
        pytest.param("svc_ai.application", "import parley.error.v1.reason_pb2", PURE, id="a contract in a use case"),
        pytest.param("mesh.kv", "import redis", PURE, id="a driver in a port"),
        pytest.param("svc_user.application", "import svc_group.domain", SERVICES, id="a service in another"),
        pytest.param("mesh.errors", "import svc_user.domain", SERVICES, id="a service in the mesh"),
        pytest.param("svc_user.utils", "", LAYERS, id="a module that is no layer"),
        pytest.param("svc_user.domain", "import svc_user.application", LAYERS, id="a use case in a domain"),
        pytest.param("svc_user.servicer", "import svc_user.infrastructure", LAYERS, id="a store in an entrance"),
        pytest.param("sdk.python.parley_sdk", "import mesh.errors", OUTSIDERS, id="the mesh in the SDK"),
        pytest.param("svc_user.servicer", "import mesh.backends", WIRING, id="a backend in an entrance"),
        pytest.param("svc_user.app", "import sqlite3", DRIVERS, id="a driver in the wiring"),
        pytest.param("svc_user.application", "import svc_user.servicer", CIRCLES, id="a circle in a service"),
    ],
)
def test_a_planted_violation_is_caught(tree: Path, module: str, line: str, contract: str) -> None:
    plant(tree, module, line)
    code, output = lint(tree)
    assert code != 0
    assert f"{contract} BROKEN" in " ".join(output.split())
