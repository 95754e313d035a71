"""Weights that go on from an earlier network whose catalogue had fewer classes."""

import pytest
import torch

from huse.model.starting import known_labels, misfit, start_from
from tests.training.conftest import make_network


def test_classes_that_both_have_tell_which_labels_are_the_same():
    earlier = {"bags<totes": [0, 3], "shoes<boots": [1, 2]}
    now = {"bags<clutches": [0, 1], "bags<totes": [0, 4], "hats": [2], "shoes<boots": [3, 5]}
    assert known_labels(now, earlier) == ({0: 0, 4: 3, 3: 1, 5: 2}, ["bags<clutches", "hats"])
    with pytest.raises(ValueError, match="zip"):
        known_labels({"hats": [0]}, {"hats": [0, 1]})


@pytest.mark.parametrize("changes", [{}, {"head": "linear"}, {"scale": "learned"}, {"class_pull": 0.5}])
def test_towers_and_known_labels_are_copied_and_new_labels_are_not(changes):
    earlier, network = make_network(labels=3, **changes), make_network(labels=4, **changes)
    for values in earlier.state_dict().values():
        values.add_(1)
    before = {name: values.clone() for name, values in network.state_dict().items()}
    assert misfit(network, earlier) == ""
    start_from(network, earlier, {0: 2, 3: 1})
    for name, values in network.state_dict().items():
        of_labels = values.ndim and len(values) == 4 and not name.startswith("towers")
        if of_labels:
            old = earlier.state_dict()[name]
            torch.testing.assert_close(values[[0, 3]], old[[2, 1]])
            torch.testing.assert_close(values[[1, 2]], before[name][[1, 2]])
        else:
            torch.testing.assert_close(values, earlier.state_dict()[name])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"separate_heads": True}, "separate_heads True, here False"),
        ({"width": 9}, "other shapes of towers.image.linears"),
        ({"head": "linear"}, "other shapes of heads.0.bias"),
        ({"scale": "learned"}, "other shapes of heads.0.log_scale"),
        ({"relu_last": True}, "relu_last True, here False"),
        ({"text_scaling": "each"}, "text_scaling each, here together"),
    ],
)
def test_a_network_of_other_shapes_is_told(changes, told):
    assert misfit(make_network(), make_network(**changes)).startswith(told)


def test_a_head_of_given_vectors_keeps_those_of_this_run():
    earlier, network = make_network(labels=3), make_network(labels=4)
    vectors = torch.eye(4, network.dimension)
    earlier.fix_head(torch.ones(3, network.dimension))
    network.fix_head(vectors)
    start_from(network, earlier, {0: 2, 3: 1})
    torch.testing.assert_close(network.heads[0].weight, vectors)
    torch.testing.assert_close(network.towers.state_dict(), earlier.towers.state_dict())
