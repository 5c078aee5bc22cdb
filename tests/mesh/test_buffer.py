from mesh.broker import Lost
from mesh.infrastructure.buffer import Buffer


async def test_losses_that_were_not_read_yet_are_one() -> None:
    """A reader that is behind hears of all that was lost at once."""
    buffer = Buffer(10, 1_000)
    buffer.lose(2)
    buffer.offer(b"x")
    buffer.lose(3)
    messages = buffer.read()
    assert [await anext(messages), await anext(messages)] == [Lost(5), b"x"]


async def test_of_an_unknown_loss_no_number_is_told() -> None:
    """A break of which nobody knows how much it cost stays one, whatever was counted before and after."""
    buffer = Buffer(10, 1_000)
    for count in (2, 0, 3):
        buffer.lose(count)
    messages = buffer.read()
    assert await anext(messages) == Lost(0)
    buffer.lose(4)
    assert await anext(messages) == Lost(4)
