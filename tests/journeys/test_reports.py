"""People report what they should not have to read, and the moderators decide."""

from functools import partial

import pytest

from parley.message.v1.notice_pb2 import ReportNotice
from parley.report.v1.report_pb2 import REPORT_STATE_OPEN, REPORT_STATE_UPHELD, SUBJECT_KIND_GROUP
from parley_sdk import ParleyError, SignedOut, text_of
from tests.journeys.mesh import Mesh, Running
from tests.journeys.operating import OperatorTerminal
from tests.journeys.people import PASSWORD, Device, People


async def test_a_report_keeps_what_was_recalled_and_its_decision_reaches_who_was_offline(
    people: People, operator: Device
) -> None:
    """Bob writes something bad and takes it back; Ann's report shows it still, and both her devices hear the end."""
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(ann)
    chat = ann.chat_with(bob)
    [bad] = await bob.say(chat, "an insult")
    await ann.until_text(chat, "an insult")
    await tablet.client.disconnect()
    report_id = await ann.client.messages.report(chat, bad.seq, "he insults me")
    assert await ann.client.messages.report(chat, bad.seq, "he does") == report_id, "reported once"
    await bob.client.recall(chat, bad.seq)
    moderation = operator.client.administration.moderation
    listed = await moderation.reports(subject_id=chat)
    assert [(one.report_id, one.state, list(one.evidence)) for one in listed] == [(report_id, REPORT_STATE_OPEN, [])]
    shown = await moderation.report(report_id)
    assert [text_of(entry) for entry in shown.evidence] == ["an insult"]
    assert (shown.reporter_id, shown.explanation) == (ann.user_id, "he insults me")
    await moderation.decide(report_id, "clear case", upheld=True, answer="he was warned")
    await tablet.client.connect()
    for device in (ann, tablet):
        notice = (await device.until_kind(ann.user_id, "report")).content.report
        assert (notice.report_id, notice.outcome) == (report_id, ReportNotice.OUTCOME_UPHELD)
        assert (notice.answer, notice.seq) == ("he was warned", bad.seq)
    [mine] = await ann.client.reports.mine()
    assert (mine.state, mine.decided_by, list(mine.evidence)) == (REPORT_STATE_UPHELD, "", [])


async def test_who_cannot_see_a_message_cannot_report_it(
    people: People, operator: Device, shared_mesh: Mesh | Running
) -> None:
    """Not a stranger, not what does not exist, and users see no reports of others; groups are reported as such."""
    ann, bob = await people.users("ann", "bob")
    eve = await people.user("eve", address=shared_mesh.operators)
    chat = ann.chat_with(bob)
    [said] = await ann.say(chat, "between us")
    for device, seq, reason in ((eve, said.seq, "CONVERSATION_NOT_FOUND"), (ann, 99, "ENTRY_NOT_FOUND")):
        with pytest.raises(ParleyError) as refused:
            await device.client.messages.report(chat, seq, "nosy")
        assert refused.value.reason == reason
    with pytest.raises(ParleyError) as refused:
        await eve.client.administration.moderation.reports()
    assert refused.value.reason == "CALLER_NOT_ALLOWED"
    group = await people.open_group(ann, bob)
    await eve.client.reports.group(group, "a bad name")
    [found] = await operator.client.administration.moderation.reports(subject_id=group)
    assert (found.subject_kind, found.reporter_id) == (SUBJECT_KIND_GROUP, eve.user_id)


async def test_an_operator_reads_recalls_and_suspends_and_all_of_it_is_written_down(
    people: People, operator: Device
) -> None:
    """A message of yesterday's stranger goes for everyone, its writer is out within 5 s, and the audit log has it."""
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(ann)
    chat, admin = ann.chat_with(bob), operator.client.administration
    [bad] = await bob.say(chat, "buy my coins")
    await bob.client.edit(chat, bad.seq, "buy my finest coins")
    await ann.until_kind(chat, "edit")
    await tablet.client.disconnect()
    read = await admin.moderation.read(chat, "reported by Ann")
    assert [text_of(entry) for entry in read.entries] == ["buy my coins", "buy my finest coins"]
    recall = await admin.moderation.recall(chat, bad.seq, "fraud")
    assert recall == read.head_seq + 1
    assert await admin.moderation.recall(chat, bad.seq, "fraud") == 0, "it is gone already"
    await admin.suspend(bob.user_id, "fraud", 3_600_000)
    await bob.until(lambda: bob.of(SignedOut), "that it was ended", seconds=5)
    with pytest.raises(ParleyError) as refused:
        await bob.client.log_in(bob.username, PASSWORD)
    assert refused.value.reason == "USER_SUSPENDED"
    await tablet.client.connect()
    for device in (ann, tablet):
        await device.until_kind(chat, "recall")
        assert [text_of(entry) for entry in await device.history(chat)] == ["", "", ""], "nothing of it is left"
    acts = await admin.audit(target=chat)
    assert [(act.action.partition(".")[2], act.reason) for act in reversed(acts) if act.reason] == [
        ("ReadConversation", "reported by Ann"),
        ("RecallAnyMessage", "fraud"),
        ("RecallAnyMessage", "fraud"),
    ]
    [act] = await admin.audit(target=bob.user_id, action="UserAdminService.SuspendUser")
    assert (act.details["duration_ms"], act.admin_id) == ("3600000", operator.user_id)


async def test_an_erased_user_leaves_only_what_they_wrote_to_others(people: People, operator: Device) -> None:
    """Bob's friend keeps their chat under the bare id; the profile is empty and nobody writes to him any more."""
    ann, bob = await people.users("ann", "bob")
    await people.befriend(ann, bob)
    chat = ann.chat_with(bob)
    await bob.say(chat, "remember me")
    await ann.until_text(chat, "remember me")
    await operator.client.administration.erase(bob.user_id, "asked by letter")
    await bob.until(lambda: bob.of(SignedOut), "that it was ended", seconds=5)
    gone = await ann.client.users.get(bob.user_id)
    assert (gone.username, gone.profile.display_name) == ("", "")
    assert "remember me" in [text_of(entry) for entry in await ann.history(chat)]
    assert (await ann.until_kind(ann.user_id, "friend")).content.friend.user_id == bob.user_id


async def test_an_operator_hands_a_group_on_and_ends_it(people: People, operator: Device) -> None:
    """The group gets an owner who is there; then it ends for all its members, and one who was offline learns of it."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    group = await people.open_group(ann, bob, eve)
    moderation = operator.client.administration.moderation
    [found] = await moderation.find_groups(owner_id=ann.user_id)
    assert found.group_id == group
    assert (await moderation.get_group(group)).members[0].user_id == ann.user_id
    await moderation.transfer_group(group, bob.user_id, "Ann is gone")
    assert (await bob.client.groups.get(group)).owner_id == bob.user_id
    with pytest.raises(ParleyError) as refused:
        await moderation.transfer_group(group, operator.user_id, "a mistake")
    assert refused.value.reason == "MEMBER_NOT_FOUND"
    await eve.client.disconnect()
    for _ in range(2):
        await moderation.dissolve_group(group, "a nest of fraud")
    await eve.client.connect()
    everyone = {ann.user_id, bob.user_id, eve.user_id}

    def gone(device: Device) -> bool:
        changes = [entry.content.membership for entry in device.shown[group]]
        return any(set(change.removed_user_ids) == everyone for change in changes)

    for device in (ann, eve):
        await device.until(partial(gone, device), "the end of the group")
    with pytest.raises(ParleyError):
        await bob.client.send(group, "is anybody here?")


async def test_an_operator_works_in_a_terminal(people: People, operator: Device, terminal: OperatorTerminal) -> None:
    """A user is found, suspended by name and shown as such, and the audit log says why; a wrong name is an error."""
    bob = await people.user("bob")
    typed = terminal.typed
    assert (await typed("users", "suspend", bob.username, "1", "--reason", "spam in ten groups"))[0] == 0
    code, out, _ = await typed("users", "find", bob.username)
    assert (code, out.count("\n")) == (0, 1)
    assert bob.user_id in out
    assert "suspended" in out
    _, out, _ = await typed("audit", "list", bob.user_id)
    assert "UserAdminService.SuspendUser" in out
    assert "spam in ten groups" in out
    code, _, err = await typed("users", "lift", "nobody.at.all", "--reason", "x")
    assert (code, "no user with the name or id nobody.at.all" in err) == (1, True)
    _, out, _ = await typed("audit", "list", "--by", operator.username, "--action", "UserAdminService.SuspendUser")
    assert "duration_ms=3600000" in out.splitlines()[0], "what else the request said"
    _, out, _ = await typed("audit", "list", bob.user_id, "--hours", "0")
    assert "SuspendUser" not in out, "nothing since now but this look"
    code, _, err = await typed("users", "suspend", bob.username, "soon", "--reason", "x")
    assert (code, err) == (1, "hours is a number, and not 'soon'\n")


async def test_an_operator_looks_through_a_conversation_and_its_reports(
    people: People, operator: Device, terminal: OperatorTerminal
) -> None:
    """From any place on, and reports by what they are about and where they stand."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    await ann.say(chat, "one", "two", "three")
    await bob.until_text(chat, "three")
    await bob.client.messages.report(chat, 2, "rude")

    out = await terminal.shown("messages", "read", chat, "2", "--reason", "a complaint", "--limit", "1")
    assert [line.split("\t")[-1] for line in out.splitlines()] == ["two"]
    [line] = (await terminal.shown("reports", "list", "--about", chat)).splitlines()
    assert (await terminal.shown("reports", "list", "--about", chat, "--state", "upheld")) == ""
    await terminal.shown("reports", "uphold", line.split("\t")[0], "thank you", "--reason", "it is")
    assert await terminal.shown("reports", "list", "--about", chat) == ""
    assert "upheld" in await terminal.shown("reports", "list", "--about", chat, "--state", "all")
