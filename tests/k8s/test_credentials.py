"""What a trial installation is given: keys that fit, for those that may have them."""

import json
import stat
from pathlib import Path

import pytest
import yaml

from k8s.credentials import STORED, make
from mesh.clock import SystemClock
from mesh.keys import signer, verification_keys
from mesh.settings import SettingError
from mesh.tokens import TokenVerifier
from svc_user.infrastructure.secret import refresh_key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with credentials in it."""
    make(tmp_path / "made")
    return tmp_path / "made"


def test_others_confirm_what_the_user_service_signs(folder: Path) -> None:
    """A token of the user service is good at every other, which has no key to make one."""
    clock = SystemClock()
    token = signer(folder / "user", "access", clock).access("ann", "phone", "session").token
    claims = TokenVerifier(verification_keys(folder / "mesh"), clock).verify(token)
    assert claims.subject == "ann"
    with pytest.raises(SettingError, match="no private key"):
        signer(folder / "mesh", "access", clock)


def test_every_service_signs_as_a_member(folder: Path) -> None:
    """The key of service tokens is the same for all."""
    clock = SystemClock()
    token = signer(folder / "mesh", "mesh", clock).service("group").token
    assert TokenVerifier(verification_keys(folder / "user"), clock).verify(token).subject == "group"


def test_the_edge_knows_the_key_of_access_tokens(folder: Path) -> None:
    """The key set names the key as the tokens do, and holds its public part only."""
    [key] = json.loads((folder / "edge" / "jwks.json").read_text(encoding="utf-8"))["keys"]
    assert key["kid"] in verification_keys(folder / "mesh")
    assert set(key) == {"kty", "crv", "alg", "use", "kid", "x"}


def test_nobody_else_may_read_it(folder: Path) -> None:
    """Folders are the owner's alone, and so are files."""
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert modes <= {0o600, 0o700}


def test_a_second_call_changes_nothing(folder: Path) -> None:
    """Keys and passwords that are in use stay as they are; what is missing is added."""
    (folder / "minio" / "password").unlink()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    make(folder)
    assert {path: path.read_bytes() for path in before} == before
    assert (folder / "minio" / "password").exists()


def test_passwords_are_new_each_time(folder: Path, tmp_path: Path) -> None:
    """No two installations share one, and no two services of one."""
    make(tmp_path / "other")
    names = ("mongo/password", "minio/password", "kv/url", *(f"store/{service}" for service in STORED))
    texts = [(tmp_path / made / name).read_text(encoding="utf-8") for made in ("made", "other") for name in names]
    passwords = [text.partition("@")[0].rpartition(":")[2] for text in texts]
    assert len(set(passwords)) == len(texts)


def test_the_store_knows_the_passwords_of_the_services(folder: Path) -> None:
    """What MongoDB is told of each user is what the service of that name shows it, and is good for one database."""
    lines = (folder / "mongo" / "users.js").read_text(encoding="utf-8").splitlines()
    users = [json.loads(line[line.index("({") + 1 : -2]) for line in lines]
    assert [one["user"] for one in users] == list(STORED)
    for user in users:
        assert user["pwd"] == (folder / "store" / user["user"]).read_text(encoding="utf-8")
        assert user["roles"] == [{"role": "readWrite", "db": user["user"]}]


def test_what_is_made_is_what_is_applied(folder: Path) -> None:
    """The kustomization names every file that was made, and none that was not."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    generators = [*kustomization["secretGenerator"], *kustomization["configMapGenerator"]]
    named = {file.rpartition("=")[2] for one in generators for file in one["files"]}
    made = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert named == made - {"kustomization.yaml"}


def test_refresh_tokens_have_one_key_for_all_nodes(folder: Path) -> None:
    """It is there before the first node starts, so that no two make one each on a folder that they cannot write."""
    assert (folder / "user" / "refresh.key").read_bytes() == refresh_key(folder / "user")
    assert not (folder / "mesh" / "refresh.key").exists()
