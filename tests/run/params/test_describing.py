import pytest

from huse.errors import InputError
from huse.nesting import flatten
from huse.run.params.all import sections
from huse.run.params.describing import describe_parameters
from huse.run.params.editing import as_yaml
from huse.run.params.reader import read_yaml
from huse.settings import Settings
from tests.conftest import ROOT


def test_every_parameter_of_the_file_is_described_in_its_order():
    described = describe_parameters(ROOT / "params.yaml")
    values = dict(flatten(read_yaml(ROOT / "params.yaml")))
    assert [parameter.name for parameter in described] == list(values)
    assert [parameter.value for parameter in described] == [as_yaml(value) for value in values.values()]
    for parameter in described:
        assert parameter.meaning, f"params.yaml: {parameter.name} has no comment"
        assert parameter.allowed


def test_what_a_parameter_may_be():
    allowed = {parameter.name: parameter.allowed for parameter in describe_parameters(ROOT / "params.yaml")}
    assert allowed["seed"] == "whole number from 0 to 4294967295"
    assert allowed["machine.device"] == "auto, cpu, cuda"
    assert allowed["machine.workers"] == "whole number from 0 to 1024 or null"
    assert allowed["catalogue.split.train"] == "number, > 0, < 1"
    assert allowed["catalogue.unseen_classes"] == "number or list of text"
    assert allowed["label_graph.infersent.version"] == "1, 2"
    assert allowed["train.beta"] == "number, ≥ 0"
    assert allowed["train.scale"] == "number or learned"
    assert allowed["train.relu_last"] == "true, false"


def test_a_comment_goes_on_beneath_its_value_and_ends_at_a_blank_line():
    meaning = {parameter.name: parameter.meaning for parameter in describe_parameters(ROOT / "params.yaml")}
    assert meaning["seed"] == "the one seed: sample, split, random weights, training"
    assert meaning["machine.workers"].startswith(
        "processes that decode pictures; 0: threads of the stage itself; null: "
    )
    assert meaning["machine.workers"].endswith("with a GPU, one a core but one")
    assert "backbone" not in meaning["preprocess_text.fold_accents"]


def test_values_as_the_file_writes_them():
    values = [None, True, False, 1, 1.5, "auto", ["a<b", 2]]
    assert [as_yaml(value) for value in values] == ["null", "true", "false", "1", "1.5", "auto", "[a<b, 2]"]


def test_a_file_that_does_not_fit_is_refused(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text(encoding="utf-8").replace("steps: 600", "steps: none"))
    with pytest.raises(InputError, match=r"train\.steps: input should be a valid integer; found 'none'"):
        describe_parameters(path)


def declared(kind, prefix):
    for name, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from declared(field.annotation, f"{prefix}.{name}")
        else:
            yield f"{prefix}.{name}", (as_yaml(field.default), field.description)


@pytest.mark.parametrize("section", ["train", "finetune_backbone", "augmentation"])
def test_the_file_says_of_a_setting_what_its_declaration_says(section):
    """The comments are the user's page, the declaration that of who uses the package: neither may lag behind."""
    described = describe_parameters(ROOT / "params.yaml")
    of_file = {each.name: (each.value, each.meaning) for each in described if each.name.startswith(f"{section}.")}
    assert dict(declared(sections()[section], section)) == of_file
