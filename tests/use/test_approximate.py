"""How many partitions a query reads; `tests/use/test_index.py` holds what it finds to exact search."""

import pytest

from huse.use.approximate import ENOUGH, _enough


@pytest.mark.parametrize(
    ("recalls", "count", "chosen"),
    [
        ({8: 0.5, 16: 0.8, 32: 0.96}, 512, 32),
        ({8: 0.97}, 512, 8),
        ({8: 0.1, 16: 0.3, 20: 0.5}, 20, 20),  # all there are
        ({3: 1.0}, 3, 3),
        ({8: 0.5, 16: 0.9, 32: 0.902}, 512, 16),  # what is lacking does not lie in other partitions
        ({8: 0.0, 16: 0.0}, 512, 8),
    ],
)
def test_partitions_are_doubled_while_that_helps_and_no_longer(recalls, count, chosen):
    asked = []

    def measure(partitions):
        asked.append(partitions)
        return {"names → names": recalls[partitions], "pictures → names": 1.0}

    found = _enough(count, measure)
    assert (found.partitions, found.recall["names → names"]) == (chosen, recalls[chosen])
    assert asked == list(recalls)


def test_one_direction_that_gains_is_enough_to_go_on():
    recalls = {8: (0.5, 0.8), 16: (0.6, 0.8), 32: (ENOUGH, 0.8), 64: (ENOUGH, 0.801)}
    found = _enough(512, lambda partitions: dict(zip("ab", recalls[partitions], strict=True)))
    assert found.partitions == 32
