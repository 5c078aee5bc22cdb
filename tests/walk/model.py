"""What is true of users and conversations, in plain Python, written from the contract.

Users are named by their ids. A conversation is its log: entry `n` stands at `log[n - 1]`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

MEMBER, ADMIN, OWNER = 1, 2, 3
"""Roles of a group, in rising order."""

EVERYONE, FRIENDS, NOBODY = 1, 2, 3
"""Audiences of a privacy setting."""

OPEN, APPROVAL, INVITED = 1, 2, 3
"""How one becomes a member of a group."""


@dataclass
class Entry:
    """An entry of a log. `told` is what an entry of a service says, in the form of `wire.told`."""

    seq: int
    kind: str
    sender: str
    target: int = 0
    """Of a post: the one that it answers."""
    body: bytes = b""
    words: frozenset[str] = frozenset()
    name: str = ""
    removed: bool = False
    expired: bool = False
    mentions: frozenset[str] = frozenset()
    everyone: bool = False
    told: object = None
    at_ms: int = 0
    """As the server says; 0: not read yet."""
    gone: int = 0
    """Seq of the recall that took it away, 0 without one."""


@dataclass
class Place:
    """A user in a conversation: sees from `first` on, to `left` if that is not 0."""

    first: int = 1
    left: int = 0
    role: int = MEMBER
    muted: bool = False
    removed: bool = False
    """Kicked or banned, and not gone by themselves."""
    read: int = 0
    joined: int = 0
    """The entry that made them a member, where they were not one from the beginning on."""
    missed: set[int] = field(default_factory=set)
    """Seqs that were not theirs to see when their devices came past them."""

    @property
    def present(self) -> bool:
        """Is a member."""
        return not self.left


@dataclass
class Own:
    """What a user has of a conversation for themselves."""

    pinned: bool = False
    muted: bool = False
    archived_at: int = -1
    unread_at: int = -1
    draft: str = ""
    remark: str = ""
    cleared: int = 0
    deleted: bool = False
    hidden: set[int] = field(default_factory=set)


@dataclass
class Group:
    """What the group service says of a group."""

    name: str
    policy: int
    history_all: bool = False
    mute_all: bool = False
    slow: bool = False
    pin_open: bool = False
    mention_open: bool = False
    announcement: str = ""
    banned: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    """Invited, and not answered yet."""
    knocked: set[str] = field(default_factory=set)
    """Wait for an admin. Nobody is asked and waits too."""
    decided: dict[str, bool] = field(default_factory=dict)
    """How it ended for who was asked or waited last."""
    suspended: bool = False
    dissolved: bool = False
    links: list[tuple[str, bool, str]] = field(default_factory=list)
    """Tokens, whether an admin has to let in who comes with it, and who made it."""
    inviters: dict[str, str] = field(default_factory=dict)
    """Who has invited those who were asked."""
    nicknames: dict[str, str] = field(default_factory=dict)
    paced: set[str] = field(default_factory=set)
    """Members who have had their turn in slow mode."""

    @property
    def joinable(self) -> bool:
        """Anyone comes in or asks to: such a group may be known of."""
        return self.policy in {OPEN, APPROVAL} and not self.suspended and not self.dissolved

    def ask(self, user: str, by: str) -> None:
        """Invite someone, who was not in."""
        self.asked.add(user)
        self.inviters[user] = by
        self.knocked.discard(user)
        self.decided.pop(user, None)

    def knock(self, user: str) -> None:
        """Have someone wait for an admin."""
        self.asked.discard(user)
        self.knocked.add(user)
        self.decided.pop(user, None)

    def settle(self, user: str, *, accepted: bool) -> None:
        """Nobody waits for this one any more."""
        if user in self.asked | self.knocked:
            self.decided[user] = accepted
        self.asked.discard(user)
        self.knocked.discard(user)


@dataclass
class Chat:
    """A conversation."""

    id: str
    users: tuple[str, ...] = ()
    """Of a direct chat: the two."""
    group: Group | None = None
    log: list[Entry] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    owns: dict[str, Own] = field(default_factory=dict)
    days: int = 0

    @property
    def head(self) -> int:
        """Newest seq."""
        return len(self.log)

    def own(self, user: str) -> Own:
        """What this user has of it."""
        return self.owns.setdefault(user, Own())

    def append(self, kind: str, sender: str, **told: object) -> Entry:
        """Write an entry, and do to the log what it says."""
        entry = Entry(self.head + 1, kind, sender, **told)  # type: ignore[arg-type]  # names of its fields
        self.log.append(entry)
        if kind == "recall":
            self._erase(entry)
        if self.group is None:
            for user in self.users:
                self.places.setdefault(user, Place())
        if kind == "post" and self.group is not None and self.group.slow and self.places[sender].role == MEMBER:
            self.group.paced.add(sender)
        return entry

    def at(self, seq: int) -> Entry | None:
        """The entry at a place."""
        return self.log[seq - 1] if 1 <= seq <= self.head else None

    def present(self) -> list[str]:
        """Who is a member, in the order in which they came first."""
        return [user for user, place in self.places.items() if place.present]

    def owner(self) -> str:
        """The owner of a group, who was it last when it has ended."""
        last = max(place.left for place in self.places.values()) if self.group and self.group.dissolved else 0
        owners = [user for user, place in self.places.items() if place.role == OWNER and place.left == last]
        return owners[0]

    def _erase(self, recall: Entry) -> None:
        for one in self.log:
            if one.seq == recall.target or (one.kind == "edit" and one.target == recall.target):
                one.gone = one.gone or recall.seq


@dataclass
class Model:
    """All users and conversations of one walk."""

    users: list[str] = field(default_factory=list)
    chats: dict[str, Chat] = field(default_factory=dict)
    friends: set[frozenset[str]] = field(default_factory=set)
    requests: dict[tuple[str, str], str] = field(default_factory=dict)
    """Friend requests that wait: from whom to whom, and their id."""
    blocked: set[tuple[str, str]] = field(default_factory=set)
    write_to: dict[str, int] = field(default_factory=dict)
    add_me: dict[str, int] = field(default_factory=dict)
    hides_reads: set[str] = field(default_factory=set)
    scheduled: dict[tuple[str, int], str] = field(default_factory=dict)
    """What waits for its time: of whom with which number, and its conversation."""

    def of(self, user: str) -> Iterator[Chat]:
        """Conversations that a user is or was in."""
        return (chat for chat in self.chats.values() if user in chat.places)

    def groups(self) -> list[Chat]:
        """The groups, the oldest first."""
        return [chat for chat in self.chats.values() if chat.group is not None]

    def are_friends(self, one: str, other: str) -> bool:
        """Whether they are friends."""
        return frozenset((one, other)) in self.friends

    def apart(self, users: Iterable[str]) -> bool:
        """Whether one of the two has blocked the other."""
        one, other = users
        return (one, other) in self.blocked or (other, one) in self.blocked

    def restarted(self) -> None:
        """The mesh was killed: slow mode is kept in memory only (decision 0033)."""
        for chat in self.groups():
            if chat.group is not None:
                chat.group.paced.clear()
