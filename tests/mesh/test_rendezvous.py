from collections import Counter

from mesh.registry import Node
from mesh.rendezvous import Rendezvous

KEYS = [f"conversation-{number}" for number in range(3_000)]


def nodes(*ids: str) -> tuple[Node, ...]:
    return tuple(Node(name, "b", "") for name in ids)


def owners(*ids: str) -> dict[str, str]:
    rendezvous = Rendezvous()
    return {key: owner.id for key in KEYS if (owner := rendezvous.owner(nodes(*ids), key))}


def test_everyone_chooses_the_same_owner() -> None:
    """The choice depends on the names alone: not on the process, its hash seed, or the order of the list."""
    assert owners("a", "b", "c") == owners("c", "a", "b")
    assert Rendezvous().owner(nodes("a", "b", "c"), "conversation-1") == Node("c", "b", "")


def test_keys_are_spread_evenly() -> None:
    """No node owns much more than its share."""
    counts = Counter(owners("a", "b", "c").values())
    assert all(900 < count < 1_100 for count in counts.values())


def test_only_the_keys_of_a_node_that_went_move() -> None:
    """The loss of a node disturbs nobody else's conversations."""
    before, after = owners("a", "b", "c"), owners("a", "c")
    assert all(after[key] == owner for key, owner in before.items() if owner != "b")


def test_one_object_follows_the_nodes() -> None:
    """Remembered answers do not outlive the list of nodes for which they were given."""
    rendezvous = Rendezvous()
    for ids in (("a", "b", "c"), ("a", "c"), ("a", "b", "c")):
        expected = owners(*ids)
        assert all(rendezvous.owner(nodes(*ids), key) == Node(expected[key], "b", "") for key in KEYS)


def test_a_restarted_node_keeps_its_keys_and_is_returned_as_it_is_now() -> None:
    """The boot id does not count for the choice, and the owner is the present life of the node."""
    rendezvous = Rendezvous()
    earlier, later = nodes("a", "b"), (Node("a", "b2", "x"), Node("b", "b2", "y"))
    for key in KEYS[:50]:
        before, after = rendezvous.owner(earlier, key), rendezvous.owner(later, key)
        assert before is not None
        assert after is not None
        assert (before.id, after.boot_id) == (after.id, "b2")


def test_without_a_choice_nothing_is_computed() -> None:
    """One node owns everything, and nobody owns anything when there is none."""
    assert Rendezvous().owner(nodes("a"), "k") == Node("a", "b", "")
    assert Rendezvous().owner((), "k") is None
