import time

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from protovalidate import Validator

from buf.validate import validate_pb2
from mesh.errors import Code, MeshError, Reason
from mesh.validation import MAX_DESCRIPTION, MAX_PATHS, MAX_VIOLATIONS, check
from parley.conversation.v1.conversation_pb2 import ConversationSettings
from parley.conversation.v1.conversation_service_pb2 import UpdateSettingsRequest
from parley.user.v1.user_service_pb2 import BatchGetUsersRequest
from tests.mesh.echo import CANARY, Ping

_FIELD = descriptor_pb2.FieldDescriptorProto
LONG_PATTERN = f"^({'|'.join('abcdefgh' * 20)})$"


def _labels() -> type[Message]:
    """A message with a map whose keys and values are limited, and a text with a rule of many words."""
    file = descriptor_pb2.FileDescriptorProto(name="mesh/test/v1/labels.proto", package="mesh.test.v1", syntax="proto3")
    file.dependency.append("buf/validate/validate.proto")
    labels = file.message_type.add(name="Labels")
    entry = labels.nested_type.add(name="LabelsEntry")
    entry.options.map_entry = True
    for number, name in enumerate(("key", "value"), 1):
        entry.field.add(name=name, number=number, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    kind = ".mesh.test.v1.Labels.LabelsEntry"
    field = labels.field.add(
        name="labels", number=1, type=_FIELD.TYPE_MESSAGE, type_name=kind, label=_FIELD.LABEL_REPEATED
    )
    rules = field.options.Extensions[validate_pb2.field].map
    rules.keys.string.max_len = rules.values.string.max_len = 10
    text = labels.field.add(name="text", number=2, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    text.options.Extensions[validate_pb2.field].ignore = validate_pb2.IGNORE_IF_ZERO_VALUE
    text.options.Extensions[validate_pb2.field].string.pattern = LONG_PATTERN
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName("mesh.test.v1.Labels"))


Labels = _labels()


def refused(message: Message) -> MeshError:
    with pytest.raises(MeshError) as caught:
        check(Validator(), message)
    error = caught.value
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, Reason.INVALID_REQUEST)
    assert CANARY not in f"{error}{error.fields}{dict(error.metadata)}"
    return error


def paths(message: Message) -> list[str]:
    return [violation.field for violation in refused(message).fields]


def test_a_message_within_its_limits_passes() -> None:
    """The limits themselves are allowed, at every depth."""
    check(Validator(), Ping())
    check(Validator(), Ping(text="x" * 10, inner=Ping(text="y"), list=[Ping(text="é" * 10)]))
    check(Validator(), Labels(labels={"k" * 10: "v" * 10}))


def test_a_refusal_names_the_field_and_its_rule() -> None:
    """A client developer sees what to change; the value, which may be private, is not repeated."""
    [violation] = refused(Ping(text=CANARY)).fields
    assert violation.field == "text"
    assert "10 characters" in violation.description


def test_a_path_leads_through_messages_and_lists() -> None:
    """Nested fields are joined by dots, elements of lists have their index, and every broken field is named."""
    wrong = Ping(text=CANARY)
    message = Ping(text=CANARY, inner=Ping(inner=wrong), list=[Ping(), Ping(list=[Ping(), Ping(), wrong])])
    assert sorted(paths(message)) == ["inner.inner.text", "list[1].list[2].text", "text"]


def test_a_key_of_a_map_is_not_shown() -> None:
    """A map's key is a value from the caller: only the map is named, whether its key or its value is wrong."""
    assert paths(Labels(labels={CANARY: "v"})) == ["labels"]
    assert paths(Labels(labels={CANARY[:10]: "v" * 11})) == ["labels"]


def test_a_refusal_is_bounded() -> None:
    """However much is wrong, the first MAX_VIOLATIONS are told, in words of at most MAX_DESCRIPTION characters."""
    everything = Ping(list=[Ping(text=CANARY) for _ in range(5 * MAX_VIOLATIONS)])
    assert paths(everything) == [f"list[{index}].text" for index in range(MAX_VIOLATIONS)]
    [violation] = refused(Labels(text=CANARY)).fields
    assert 0 < len(violation.description) <= MAX_DESCRIPTION < len(LONG_PATTERN)


@pytest.mark.parametrize(
    "message", [Ping(list=[Ping(text="x" * 11)] * 60_000), BatchGetUsersRequest(user_ids=[""] * 500_000)]
)
def test_a_message_full_of_bad_items_is_refused_at_once(message: Message) -> None:
    """To find all that is wrong with 1 MiB would take hours: the first of it is told, while nobody else waits."""
    Validator().collect_violations(type(message)())
    began = time.process_time()
    assert len(paths(message)) == 1
    assert time.process_time() - began < 5.0


def test_a_field_mask_is_bounded() -> None:
    """Its type is not ours: what the contract cannot say is said here, with the field."""
    settings = ConversationSettings()
    message = UpdateSettingsRequest(settings=settings, update_mask=FieldMask(paths=["draft"] * (MAX_PATHS + 1)))
    [violation] = refused(message).fields
    assert (violation.field, violation.description) == ("update_mask", f"must name at most {MAX_PATHS} fields")
