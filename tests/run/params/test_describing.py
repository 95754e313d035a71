import pytest
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from huse.nesting import flatten
from huse.run.params.all import sections
from huse.run.params.describing import describe_parameters
from huse.run.params.editing import as_yaml
from huse.run.params.reader import read_yaml
from huse.settings import Settings
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def described():
    return describe_parameters(ROOT / "params.yaml")


def test_every_parameter_of_the_file_is_described_in_its_order(described):
    values = dict(flatten(read_yaml(ROOT / "params.yaml")))
    assert [parameter.name for parameter in described] == list(values)
    assert [parameter.value for parameter in described] == [as_yaml(value) for value in values.values()]
    for parameter in described:
        assert parameter.meaning, f"{parameter.name} has no description"
        assert parameter.allowed


ALLOWED = {
    "seed": "whole number from 0 to 4294967295",
    "machine.device": "auto, cpu, cuda",
    "machine.workers": "whole number from 0 to 1024 or null",
    "machine.engine": "local, ray",
    "machine.address": "text or null",
    "catalogue.split.train": "number, > 0, < 1",
    "catalogue.unseen_classes": "number or list of text",
    "label_graph.infersent.version": "1, 2",
    "train.beta": "number, ≥ 0",
    "train.scale": "number or learned",
    "train.relu_last": "true, false",
}


def test_what_a_parameter_may_be(described):
    assert ALLOWED.items() <= {parameter.name: parameter.allowed for parameter in described}.items()


def comments(section, prefix=""):
    """Yield the names of values with the comment behind each and on the lines beneath it, up to a blank line."""
    for name, value in section.items():
        if isinstance(value, CommentedMap):
            yield from comments(value, f"{prefix}{name}.")
        else:
            token = section.ca.items.get(name, [None] * 3)[2]
            lines = token.value.strip("\n").split("\n\n")[0].split("\n") if token else []
            yield f"{prefix}{name}", " ".join(line.strip().lstrip("# ") for line in lines if line.strip())


def test_the_file_says_of_a_setting_what_its_declaration_says(described):
    """The comments are the user's page, the declaration that of who uses the package: neither may lag behind."""
    content = YAML().load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert {parameter.name: parameter.meaning for parameter in described} == dict(comments(content))


def defaults(kind, prefix):
    for name, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from defaults(field.annotation, f"{prefix}.{name}")
        else:
            yield f"{prefix}.{name}", as_yaml(field.default)


def test_the_file_has_the_defaults(described):
    of_file = {each.name: each.value for each in described if each.name != "seed"}
    assert dict(each for name, kind in sections().items() for each in defaults(kind, name)) == of_file


def test_values_as_the_file_writes_them():
    values = [None, True, False, 1, 1.5, "auto", ["a<b", 2]]
    assert [as_yaml(value) for value in values] == ["null", "true", "false", "1", "1.5", "auto", "[a<b, 2]"]
