import pytest

from huse.errors import InputError
from huse.nesting import nest
from huse.run.params.all import check_params, sections
from huse.run.params.catalogue import CatalogueParams, SampleCatalogueParams
from huse.run.params.editing import set_values
from huse.run.params.reader import parse_section, read_section, read_seed, read_yaml
from huse.run.params.train import TrainParams
from tests.conftest import ROOT


@pytest.fixture
def params(tmp_path):
    path = tmp_path / "params.yaml"

    def write(text):
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_every_section_of_the_file_is_read_and_there_is_no_other():
    content = read_yaml(ROOT / "params.yaml")
    assert set(content) == {"seed", *sections()}
    for name, kind in sections().items():
        assert read_section(kind, name, ROOT / "params.yaml").model_dump() == content[name]


def test_a_list_on_one_line_is_changed_in_place(params):
    """Names of networks have colons."""
    path = params("backbone:\n  network: [resnet18, alexnet]  # two\n")
    set_values(path, {"backbone": {"network": ["timm:resnet18", "given:own.parquet"]}})
    assert path.read_text().splitlines()[1].split(" # ") == ['  network: ["timm:resnet18", "given:own.parquet"]', "two"]
    assert read_yaml(path) == {"backbone": {"network": ["timm:resnet18", "given:own.parquet"]}}


def test_numbers_are_read_as_dvc_reads_them(params):
    # 1e-3 is a number in YAML 1.2, and a string for readers of YAML 1.1
    assert read_yaml(params("seed: 1\nrate: 1e-3\nswitch: on\n")) == {"seed": 1, "rate": 0.001, "switch": "on"}


def test_every_problem_is_named_with_its_key(params):
    path = params("sample_catalogue: {pictures: 7, size: big, colour: red}\n")
    with pytest.raises(InputError) as error:
        read_section(SampleCatalogueParams, "sample_catalogue", path)
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert "sample_catalogue.pictures: input should be greater than or equal to 100; found 7" in lines[0]
    assert "sample_catalogue.size: input should be a valid integer; found 'big'" in lines[1]
    assert "sample_catalogue.colour: extra inputs are not permitted; found 'red'" in lines[2]


def test_a_missing_key_is_named(params):
    with pytest.raises(InputError, match=r"sample_catalogue\.size: field required; found nothing"):
        read_section(SampleCatalogueParams, "sample_catalogue", params("sample_catalogue: {pictures: 700}\n"))


def test_shares_must_add_up():
    content = read_yaml(ROOT / "params.yaml")["catalogue"]
    content["split"]["train"] = 0.5
    with pytest.raises(ValueError, match=r"must be 1, is 0\.8"):
        CatalogueParams.model_validate(content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: [1\n", "not valid YAML"),
        ("- a\n", "expected a mapping of sections, found list"),
        ("seed: 1\n", "expected a section `train`, found seed"),
        ("train: 3\n", "train: input should be a valid dictionary"),
    ],
)
def test_a_file_that_does_not_fit(params, text, message):
    with pytest.raises(InputError, match=message):
        read_section(TrainParams, "train", params(text))


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"not found. Run from the repository"):
        read_yaml(tmp_path / "params.yaml")


@pytest.mark.parametrize("seed", ["-1", "1.5", "x", "true", "4294967296", "null"])
def test_seed_is_a_whole_number(params, seed):
    with pytest.raises(InputError, match="seed: expected a whole number"):
        read_seed(params(f"seed: {seed}\n"))
    assert read_seed(params("seed: 7\n")) == 7


def test_the_whole_file_is_checked_and_every_problem_named(params):
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert set(check_params(params(text))) == set(sections())
    wrong = text.replace("seed: 13", "seed: x").replace("  size: 96", "  size: 9").replace("gamma: 1 ", "gama: 1 ")
    with pytest.raises(InputError) as error:
        check_params(params(wrong + "extra: 1\n"))
    for expected in ("extra: no section", "seed: expected", "sample_catalogue.size", "train.gamma", "train.gama"):
        assert expected in str(error.value)


def test_processes_and_shards_are_checked_together(params):
    path = params((ROOT / "params.yaml").read_text(encoding="utf-8"))
    set_values(path, {"machine": {"processes": 2}})
    with pytest.raises(
        InputError, match=r"train\.shards: expected a multiple of the 2 processes, found 1\. Set it to 2"
    ):
        check_params(path)
    set_values(path, {"train": {"shards": 4}})
    check_params(path)


WRONG = {
    "backbone.size": (16, "input should be greater than or equal to 32; found 16"),
    "augmentation.rescale": (0.5, "input should be greater than or equal to 1"),
    "augmentation.colour_jitter": (1.5, "input should be less than 1"),
    "finetune_backbone.epochs": (1.5, "input should be a valid integer"),
    "finetune_backbone.layers": ("some", "input should be 'last_block' or 'all'"),
    "machine.device": ("gpu", "input should be 'auto', 'cpu' or 'cuda'; found 'gpu'"),
    "machine.workers": (-1, "input should be greater than or equal to 0; found -1"),
    "machine.engine": ("spark", "input should be 'local' or 'ray'; found 'spark'"),
    "train.ema": (1.0, "input should be less than 1"),
    "train.criterion": ("loss", "input should be 'accuracy'"),
    "train.sampler": ("all", "input should be"),
    "train.patience": (0, "input should be greater"),
    "train.contrast.temperature": (0, "input should be greater than 0"),
    "train.dtype": ("float16", "input should be"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_values_are_refused_by_name(params, name):
    value, said = WRONG[name]
    path = params((ROOT / "params.yaml").read_text(encoding="utf-8"))
    set_values(path, nest({name: value}))
    with pytest.raises(InputError, match=f"{name}: {said}"):
        check_params(path)


@pytest.mark.parametrize(("name", "value"), [("scale", 0), ("scale", "big"), ("warm_up", 600), ("shards", 257)])
def test_settings_that_are_checked_together_are_named(name, value):
    with pytest.raises(InputError, match=name):
        parse_section(TrainParams, {name: value}, where="train")


@pytest.mark.parametrize("value", [0, 0.0, 0.5, ["a<b"], ["a<b", "c"]])
def test_unseen_classes_are_a_share_or_paths(value):
    content = read_yaml(ROOT / "params.yaml")["catalogue"]
    assert parse_section(CatalogueParams, content | {"unseen_classes": value}, where="").unseen_classes == value


@pytest.mark.parametrize("value", [-0.1, 0.6, 1, True, "a<b", [], [1], None])
def test_no_other_unseen_classes(value):
    content = read_yaml(ROOT / "params.yaml")["catalogue"]
    with pytest.raises(InputError, match=r"expected a share of the classes from 0 to 0\.5, or a list of class paths"):
        parse_section(CatalogueParams, content | {"unseen_classes": value}, where="")
