"""Generates gen/ from the contracts: messages, the gRPC code of each service, stubs with the comments as docstrings.

    python proto/generate.py            writes gen/ anew
    python proto/generate.py --check    writes nothing, lists the files that differ and fails if there are any

What the contracts import and the project does not keep (buf/validate, google) is taken from installed wheels, so this
needs no network and no copy of other people's files.
"""

import importlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from protovalidate._gen.buf.validate import validate_pb  # the wheel offers no public way to its own contract

PROTO = Path(__file__).parent
GEN = PROTO.parent / "gen"
VALIDATE = "buf/validate/validate.proto"
FOREIGN_IMPORT = re.compile(r'^import (?:public )?"(google/[^"]+)";', re.MULTILINE)


def main() -> int:
    """Return the exit code of the command."""
    with TemporaryDirectory() as temporary:
        fresh = Path(temporary)
        generate(fresh)
        if "--check" in sys.argv[1:]:
            return report(drift(fresh, GEN))
        shutil.rmtree(GEN, ignore_errors=True)
        shutil.copytree(fresh, GEN)
    return 0


def generate(out: Path) -> None:
    """Write everything that is generated below `out`."""
    contracts = sources(PROTO)
    services = [name for name in contracts if name.endswith("_service.proto")]
    protoc(PROTO, f"--python_out={out}", f"--mypy_out=quiet:{out}", plugin("mypy"), *contracts, VALIDATE)
    if services:
        grpc = (f"--grpc_python_out={out}", f"--mypy_grpc_out=quiet,only_async:{out}", plugin("mypy_grpc"))
        protoc(PROTO, *grpc, *services)


def sources(proto: Path) -> list[str]:
    """Return the contracts below `proto` as protoc names them: parley/user/v1/user.proto."""
    return sorted(path.relative_to(proto).as_posix() for path in proto.rglob("*.proto"))


def plugin(name: str) -> str:
    """Name a protoc plugin by where pip put it, so that .venv need not be active."""
    return f"--plugin=protoc-gen-{name}={Path(sys.executable).parent / f'protoc-gen-{name}'}"


def protoc(proto: Path, *arguments: str) -> None:
    """Run protoc on contracts below `proto`. It has said why when CalledProcessError is raised."""
    with TemporaryDirectory() as temporary:
        imports = Path(temporary) / "imports.binpb"
        imports.write_bytes(foreign(proto).SerializeToString(deterministic=True))
        command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={proto}", f"--descriptor_set_in={imports}"]
        subprocess.run([*command, *arguments], check=True)


def foreign(proto: Path) -> FileDescriptorSet:
    """Return what the contracts below `proto` import from elsewhere, and all that those files import in turn."""
    found: dict[str, FileDescriptorProto] = {}
    collect(VALIDATE, found)
    for name in sources(proto):
        for imported in FOREIGN_IMPORT.findall((proto / name).read_text(encoding="utf-8")):
            collect(imported, found)
    return FileDescriptorSet(file=found.values())


def collect(name: str, found: dict[str, FileDescriptorProto]) -> None:
    """Add the file and its imports to `found`, imports first, as protoc wants them."""
    if name in found:
        return
    file = validate() if name == VALIDATE else installed(name)
    for imported in file.dependency:
        collect(imported, found)
    found[name] = file


def validate() -> FileDescriptorProto:
    """Return the descriptor of buf/validate/validate.proto that the protovalidate wheel carries."""
    return FileDescriptorProto.FromString(validate_pb.desc().proto.to_binary())


def installed(name: str) -> FileDescriptorProto:
    """Return the descriptor of a google/... file from the wheel that has its generated code."""
    module = importlib.import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2")
    return FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)


def drift(fresh: Path, kept: Path) -> Iterator[str]:
    """Yield a line for each file of `kept` that is not as in `fresh`."""
    expected, actual = contents(fresh), contents(kept)
    for name in sorted(expected.keys() | actual.keys()):
        if name not in actual:
            yield f"missing  {name}"
        elif name not in expected:
            yield f"stale    {name}"
        elif expected[name] != actual[name]:
            yield f"differs  {name}"


def contents(root: Path) -> dict[str, bytes]:
    """Return the files below `root` by relative name, without what Python caches."""
    files = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def report(lines: Iterator[str]) -> int:
    """Print the drift and what to do about it; return the exit code."""
    drifted = list(lines)
    if drifted:
        print("gen/ is not what `make gen` makes of proto/:", *drifted, sep="\n  ", file=sys.stderr)
    return 1 if drifted else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
