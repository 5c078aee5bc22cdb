"""What bots are shown, in the memory of a node."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from svc_message.application.sync.places import Places
from svc_message.domain.conversation import ADDRESSED_ONLY, Membership, Role, Seq
from svc_message.domain.entry import MembershipDelta, Row
from svc_message.domain.ports import Standing
from tests.svc_message.remembering import ANN, TEAM, leaving, row

BOT = Membership(ANN, Seq(0), Seq(0), addressed_before=ADDRESSED_ONLY)


@given(steps=st.lists(st.booleans(), max_size=12))
def test_what_is_taken_in_again_opens_nothing(steps: list[bool]) -> None:
    """From whatever entry on the past is told again to a memory that was read later, a bot is shown the same."""
    rows, after = _history(steps)
    for read in range(len(rows) + 1):
        for again in range(read + 1):
            places = Places()
            places.put(ANN, after[read])
            for one in rows[again:]:
                places.appended(one)
            assert places.get(ANN) == _read(after[-1]), (read, again)


def _history(steps: list[bool]) -> tuple[list[Row], list[list[Standing]]]:
    """Entries by which the bot comes, goes, and changes its role, and what the store says after each of them."""
    rows, after, place = list[Row](), [list[Standing]()], Membership(ANN, Seq(0), Seq(0), Seq(1))
    for seq, turn in enumerate(steps, 1):
        place, delta = _step(place, Seq(seq), turn=turn)
        rows.append(row(TEAM, seq, delta))
        seqs = (place.join_seq, place.first_seq, place.left_seq, Seq(0), Seq(0))
        after.append([Standing(TEAM, Seq(seq), *seqs, addressed_before=place.addressed_before)])
    return rows, after


def _step(place: Membership, seq: Seq, *, turn: bool) -> tuple[Membership, MembershipDelta]:
    if place.left_seq:
        joined = replace(BOT, join_seq=seq, first_seq=seq)
        return joined, MembershipDelta(added=(joined,))
    if not turn:
        return replace(place, left_seq=seq), leaving(ANN)
    role = Role.MEMBER if place.role is Role.ADMIN else Role.ADMIN
    changed = replace(BOT, role=role)
    return place.updated(changed, seq), MembershipDelta(updated=(changed,))


def _read(standings: list[Standing]) -> object:
    places = Places()
    return places.put(ANN, standings)
