from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from huse.errors import InputError
from huse.vision.backbones import blocks, check_weights, load_backbone, norms_are_placeholders
from huse.vision.networks import NETWORKS
from huse.vision.torchvision_networks import NEED_INPUT_TRANSFORM
from huse.vision.torchvision_ops import import_torchvision
from tests.vision.conftest import MOBILENET, SQUEEZENET, TEST_VECTORS, needs

models = import_torchvision().models


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise AssertionError("something was about to be downloaded")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch_home"))


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(5)
    return models.resnet18(num_classes=7).eval()


def pictures(count=2, size=64):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def vectors(backbone, batch):
    return backbone.module(batch)


def save_state(state, path):
    torch.save(state, path)
    return str(path)


@pytest.mark.parametrize(
    ("name", "dimension"),
    [("resnet18", 512), ("squeezenet1_1", 512), ("mobilenet_v2", 1280), ("mobilenet_v3_small", 1024)],
)
def test_dimension(name, dimension):
    backbone = load_backbone(name, "random", 1)
    assert backbone.dimension == dimension and backbone.name == name
    assert vectors(backbone, pictures()).shape == (2, dimension)
    assert not any(module.training for module in backbone.module.modules())


def test_random_weights_follow_the_seed_and_leave_the_generator():
    state = torch.get_rng_state()
    first, same, other = (load_backbone("resnet18", "random", seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert first.fingerprint == {"weights": "random", "seed": 1}
    batch = pictures()
    assert torch.equal(vectors(first, batch), vectors(same, batch))
    assert not torch.allclose(vectors(first, batch), vectors(other, batch))


@pytest.mark.parametrize("suffix", [".pth", ".pth.tar", ".ckpt", ".bin", "", ".safetensors", ".of_safetensors.pth"])
def test_resnet_features_are_what_avgpool_gives(tmp_path, resnet, suffix):
    path = tmp_path / f"a{suffix}"
    save_file(resnet.state_dict(), path) if "safetensors" in suffix else torch.save(resnet.state_dict(), path)
    seen = []
    handle = resnet.avgpool.register_forward_hook(lambda module, inputs, output: seen.append(output.flatten(1)))
    with torch.inference_mode():
        resnet(pictures())
    handle.remove()
    backbone = load_backbone("resnet18", str(path), 1)
    torch.testing.assert_close(vectors(backbone, pictures()), seen[0])
    assert backbone.fingerprint["weights"] == path.name
    assert len(backbone.fingerprint["weights_sha256"]) == 64


def test_a_file_without_classifier_and_counters_is_enough(tmp_path, resnet):
    state = {
        key: value
        for key, value in resnet.state_dict().items()
        if not key.startswith("fc.") and not key.endswith("num_batches_tracked")
    }
    backbone = load_backbone("resnet18", save_state(state, tmp_path / "a.pth"), 1)
    whole = load_backbone("resnet18", save_state(resnet.state_dict(), tmp_path / "b.pth"), 1)
    assert torch.equal(vectors(backbone, pictures()), vectors(whole, pictures()))


def test_other_architecture(tmp_path, resnet):
    path = save_state(resnet.state_dict(), tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"a\.pth: expected the .* weights of mobilenet_v2, .*missing: .*unexpected: "):
        load_backbone("mobilenet_v2", path, 1)


def test_other_shapes_missing_and_unexpected_keys_are_named(tmp_path, resnet):
    state = dict(resnet.state_dict())
    state["conv1.weight"] = torch.zeros(64, 1, 7, 7)
    state["extra"] = state.pop("bn1.weight")
    with pytest.raises(InputError) as seen:
        load_backbone("resnet18", save_state(state, tmp_path / "a.pth"), 1)
    message = str(seen.value)
    assert "1 missing: bn1.weight" in message
    assert "1 unexpected: extra" in message
    assert "1 of another shape: conv1.weight (64 × 1 × 7 × 7, expected 64 × 3 × 7 × 7)" in message


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", None])
def test_damaged_file(tmp_path, resnet, suffix, content):
    path = tmp_path / f"a{suffix}"
    save_file(resnet.state_dict(), path) if suffix == ".safetensors" else torch.save(resnet.state_dict(), path)
    path.write_bytes(path.read_bytes()[:100_000] if content is None else content)
    with pytest.raises(InputError, match=r"damaged or other file .* Get the file again"):
        load_backbone("resnet18", str(path), 1)


@pytest.mark.parametrize("prefix", ["module.", "model.", "backbone.", "encoder.", "_orig_mod.", "module.encoder_q."])
def test_the_weights_of_a_checkpoint_with_a_prefix_are_the_networks_own(tmp_path, caplog, resnet, prefix):
    caplog.set_level("INFO")
    state = {f"{prefix}{key}": value for key, value in resnet.state_dict().items()}
    state |= {"decoder.conv1.weight": torch.ones(1), "fc.weight": torch.ones(1)}
    path = save_state({"epoch": 3, "args": Namespace(lr=0.1), "state_dict": state, "ema": {}}, tmp_path / "a.pth.tar")
    backbone, plain = load_backbone("resnet18", path, 1), save_state(resnet.state_dict(), tmp_path / "b")
    expected = load_backbone("resnet18", plain, 2).module.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in backbone.module.state_dict().items())
    assert caplog.messages == [
        f"{path}: took `state_dict` of the checkpoint, not epoch, args, ema; took the prefix `{prefix}` off the names; "
        "left out 2 weights of other parts: decoder.conv1.weight, fc.weight"
    ]


def test_weights_are_checked_without_the_network(tmp_path, resnet):
    path = tmp_path / "a.pth"
    save_state(resnet.state_dict(), path)
    check_weights("resnet18", str(path))
    with pytest.raises(InputError, match="expected the 318 weights of resnet50, found 120 that do not fit"):
        check_weights("resnet50", str(path))


def test_missing_file():
    with pytest.raises(InputError, match=r"nowhere/a\.pth: weights not found\. Put the file there"):
        load_backbone("resnet18", "nowhere/a.pth", 1)


def test_unknown_model():
    for name in ("resnet19", "fasterrcnn_resnet50_fpn"):
        with pytest.raises(InputError, match=r"expected a classification model of torchvision, such as \w*resnet"):
            load_backbone(name, "random", 1)


def test_unknown_weights_name():
    with pytest.raises(
        InputError, match=r"imagenet: weights not found.*to another file, to a name .*\(IMAGENET1K_V1, DEFAULT\)"
    ):
        load_backbone("resnet18", "imagenet", 1)


def test_named_weights_are_not_downloaded():
    with pytest.raises(InputError, match=r"resnet18-f37072fd\.pth.*nothing is downloaded.*https://"):
        load_backbone("resnet18", "IMAGENET1K_V1", 1)


def test_named_weights_of_the_hub_folder(monkeypatch, resnet):
    path = Path(torch.hub.get_dir()) / "checkpoints" / "resnet18-f37072fd.pth"
    path.parent.mkdir(parents=True)
    torch.manual_seed(6)
    model = models.resnet18().eval()
    torch.save(model.state_dict(), path)
    with pytest.raises(InputError, match="SHA-256 begins with f37072fd"):
        load_backbone("resnet18", "IMAGENET1K_V1", 1)
    for module in ("backbones", "torchvision_networks"):
        monkeypatch.setattr(f"huse.vision.{module}.fingerprint_file", lambda path: "f37072fd" + "0" * 56)
    backbone = load_backbone("resnet18", "IMAGENET1K_V1", 1)
    model.fc = torch.nn.Identity()
    with torch.inference_mode():
        torch.testing.assert_close(vectors(backbone, pictures()), model(pictures()))
    assert backbone.fingerprint == {"weights": "IMAGENET1K_V1", "weights_sha256": "f37072fd" + "0" * 56}


def test_named_weights_are_read_as_tensors_only(monkeypatch, tmp_path):
    """The file in the hub's folder is as foreign as any other: an object in it is never unpickled."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / "resnet18-f37072fd.pth"
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"fc.weight": tmp_path}, path)  # a path is an object with code of its own
    for module in ("backbones", "torchvision_networks"):
        monkeypatch.setattr(f"huse.vision.{module}.fingerprint_file", lambda path: "f37072fd" + "0" * 56)
    with pytest.raises(InputError, match="expected a state dict of tensors, found a damaged or other file"):
        load_backbone("resnet18", "IMAGENET1K_V1", 1)


@needs(SQUEEZENET)
@pytest.mark.parametrize("k", range(3))
def test_squeezenet_agrees_with_the_published_test_vectors(k):
    backbone = load_backbone("squeezenet1_1", str(SQUEEZENET), 1)
    batch = torch.from_numpy(np.load(TEST_VECTORS / f"input_{k}.npy"))
    model = models.squeezenet1_1()
    model.load_state_dict(torch.load(SQUEEZENET, weights_only=True))
    model.eval()
    with torch.inference_mode():
        logits = model(batch).numpy()
        features = model.features(batch).mean((2, 3))
        # The same published answer from the backbone's own layers, under the file's classifier.
        rebuilt = model.classifier(backbone.module.features(batch)).flatten(1).numpy()
    expected = np.load(TEST_VECTORS / f"output_{k}.npy").reshape(1, -1)
    np.testing.assert_allclose(logits, expected, atol=1e-3)
    np.testing.assert_allclose(rebuilt, expected, atol=1e-3)
    torch.testing.assert_close(vectors(backbone, batch), features, rtol=1e-4, atol=1e-4)


@needs(MOBILENET)
def test_mobilenet_backbone_without_classifier():
    backbone = load_backbone("mobilenet_v2", str(MOBILENET), 1)
    again = load_backbone("mobilenet_v2", str(MOBILENET), 2)
    batch = pictures(size=96)
    assert backbone.dimension == 1280
    assert torch.equal(vectors(backbone, batch), vectors(again, batch))


# RegNets cannot be built without memory for their weights; of these one small one of each kind.
CLASSIFIERS = [
    name for name in models.list_models(module=models) if not name.startswith("regnet") or name.endswith("_400mf")
]


def without_memory(name):
    return torch.device("cpu" if name.startswith("regnet") else "meta")


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_vector_of_every_network_is_the_input_of_its_classifier(name):
    """Found from the model: what torchvision's own classifier makes of the vectors are the network's logits."""
    init = {"init_weights": True} if name in NEED_INPUT_TRANSFORM else {}
    with without_memory(name):
        whole, backbone = models.get_model(name, weights=None, **init).eval(), load_backbone(name, "random", 1)
    classifier = [module for module in whole.modules() if isinstance(module, torch.nn.Linear)][-1:]
    seen = []
    for module in classifier:
        module.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    size = 299 if name == "inception_v3" else 224
    with torch.inference_mode():
        batch = torch.empty(2, 3, size, size, device=without_memory(name))
        logits = whole(batch)
        vectors = backbone.module(batch)
    assert vectors.shape == (2, backbone.dimension)
    assert logits.shape == (2, 1000)
    if seen:
        assert classifier[0].out_features == 1000
        assert seen[-1].shape == vectors.shape
    else:
        assert name.startswith("squeezenet")


@pytest.mark.parametrize(
    ("name", "count", "last"),
    [("resnet18", 5, 512), ("squeezenet1_1", 9, 512), ("mobilenet_v3_small", 14, 576), ("vit_b_16", 13, 768)],
)
def test_blocks_hold_every_parameter_once_from_the_input_on(name, count, last):
    with torch.device("meta"):
        backbone = load_backbone(name, "random", 1)
    found = blocks(backbone)
    assert len(found) == count
    identities = [id(parameter) for block in found for parameter in block]
    assert len(set(identities)) == len(identities) == len(list(backbone.module.parameters()))
    assert set(identities) == {id(parameter) for parameter in backbone.module.parameters()}
    assert 3 in next(parameter.shape for parameter in found[0] if parameter.ndim == 4)  # reads colours
    assert any(last in parameter.shape for parameter in found[-1])
    assert all(any(parameter.ndim > 1 for parameter in block) for block in found)


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_blocks_of_every_network(name):
    with without_memory(name):
        backbone = load_backbone(name, "random", 1)
    found = blocks(backbone)
    assert len(found) >= 4
    assert sum(map(len, found)) == len(list(backbone.module.parameters()))


def test_norms_that_are_new_in_loaded_weights_are_placeholders(tmp_path, resnet):
    fresh = load_backbone("resnet18", save_state(resnet.state_dict(), tmp_path / "new.pth"), 1)
    assert norms_are_placeholders(fresh)
    assert not norms_are_placeholders(load_backbone("resnet18", "random", 1))
    assert not norms_are_placeholders(load_backbone("squeezenet1_1", "random", 1))
    state = {name: value.clone() for name, value in resnet.state_dict().items()}
    state["layer1.0.bn1.running_mean"] += 0.5
    assert not norms_are_placeholders(load_backbone("resnet18", save_state(state, tmp_path / "used.pth"), 1))


@needs(MOBILENET)
def test_the_norms_of_a_folded_network_are_placeholders():
    assert norms_are_placeholders(load_backbone("mobilenet_v2", str(MOBILENET), 1))


class _Small(nn.Module):
    """Two convolutions, a hidden layer and a classification layer."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.AdaptiveAvgPool2d(1))
        self.hidden = nn.Linear(6, 5)
        self.classifier = nn.Linear(5, 7)

    def forward(self, pictures):
        return self.classifier(torch.relu(self.hidden(self.features(pictures).flatten(1))))


def test_a_network_that_torchvision_lacks(monkeypatch, tmp_path):
    monkeypatch.setitem(NETWORKS, "small", _Small)
    pictures = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    made, again = (load_backbone("small", "random", seed=3) for _ in range(2))
    assert made.dimension == 5
    assert torch.equal(made.module(pictures), again.module(pictures))
    assert made.module(pictures).shape == (2, 5)
    whole = _Small()
    save_file(whole.state_dict(), tmp_path / "own.safetensors")
    read = load_backbone("small", str(tmp_path / "own.safetensors"), seed=3)
    hidden = torch.relu(whole.hidden(whole.features(pictures).flatten(1)))
    assert torch.allclose(read.module(pictures), hidden)
    with pytest.raises(InputError, match=r"IMAGENET1K_V1: weights not found.*to another file, or to random"):
        load_backbone("small", "IMAGENET1K_V1", seed=3)
    with pytest.raises(InputError, match="such as resnet18, or one of small; found 'smal'"):
        load_backbone("smal", "random", seed=3)
