import pytest

from huse.errors import InputError
from huse.experiments.methods.entries import ABLATION, BASELINE, COMMON, ENTRIES, OURS
from huse.experiments.methods.running import with_changes
from huse.model.methods import METHODS
from huse.nesting import flatten
from huse.run.params.reader import read_section, read_yaml
from huse.run.params.train import TrainParams
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def params():
    return read_section(TrainParams, "train", ROOT / "params.yaml")


def test_every_method_is_compared_and_tuned_with_the_same_effort():
    assert {entry.changes["method"] for entry in ENTRIES} == set(METHODS)
    assert {len(entry.grid) for entry in ENTRIES} == {4}
    names = {entry.name for entry in ENTRIES}
    assert BASELINE in names
    assert len(names) == len(ENTRIES)


def test_settings_are_valid_and_different(params):
    for entry in ENTRIES:
        settings = [with_changes(params, {**entry.changes, **setting}) for setting in entry.grid]
        assert len({str(setting) for setting in settings}) == len(settings), entry.name


def test_all_train_the_scaled_cosine_head_but_the_one_that_cannot(params):
    for entry in ENTRIES:
        head = with_changes(params, entry.changes).head
        assert head == ("linear" if METHODS[entry.changes["method"]].linear_head_only else "cosine"), entry.name


def test_entries_that_know_the_tree_say_so(params):
    for entry in ENTRIES:
        made = with_changes(params, entry.changes)
        knows = made.graph.distances == "tree" or made.class_vectors == "tree" or made.method == "huse_plus"
        assert entry.label == entry.name + " *" * knows, entry.name


def test_every_part_of_the_preset_is_left_out_once(params):
    """What the preset products sets is what the whole has, and the others differ from it in their part alone."""
    made = [with_changes(params, {**COMMON, **entry.changes}) for entry in ABLATION]
    whole, *others = (dict(flatten(each.model_dump())) for each in made)
    preset = dict(flatten(read_yaml(ROOT / "huse/experiments/presets/products.yaml")["train"]))
    assert {name: whole[name] for name in preset} == preset
    assert ABLATION[0].name == OURS
    left_out = [{name for name, value in other.items() if value != whole[name]} for other in others]
    assert all(left_out) and len(set(map(frozenset, left_out))) == len(others)
    assert set().union(*left_out) >= set(preset) - {"method", "criterion"}


@pytest.mark.parametrize(("name", "value"), [("nonsense", 1), ("steps", 0)])
def test_a_change_that_does_not_fit_is_refused(params, name, value):
    with pytest.raises(InputError, match=rf"train\.{name}"):
        with_changes(params, {name: value})


def test_what_a_preset_says_of_the_method_reaches_no_entry(params):
    """Else HUSE would be compared with itself under another name."""
    preset = read_yaml(ROOT / "huse/experiments/presets/products.yaml")["train"]
    others = with_changes(params, dict(flatten(preset)))
    for entry in ENTRIES:
        changes = {**COMMON, **entry.changes}
        assert with_changes(others, changes) == with_changes(params, changes), entry.name
