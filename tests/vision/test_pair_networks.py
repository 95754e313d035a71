import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from huse.encoders.families import load_encoder
from huse.encoders.network import NetworkEncoder
from huse.encoders.pair_texts import open_pair_texts
from huse.encoders.picture_input import Encoding
from huse.encoders.text_reading import SentenceReading
from huse.errors import InputError
from huse.vision import pair_networks
from huse.vision.backbones import BackboneSettings, blocks, check_weights, load_backbone
from tests.vision.pairs import DIMENSION, KINDS, SIZE, make_pair, needs_open_clip, needs_transformers

CPU = torch.device("cpu")
NAMES = ["red shoe", "blue dress, size 9", "red shoe", ""]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    names = {}

    def make(kind):
        if kind not in names:
            names[kind] = make_pair(kind, tmp_path_factory.mktemp("pairs") / kind)
        return names[kind]

    return make


def photograph(width, height):
    small = np.random.default_rng(width).integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height))


PICTURES = [photograph(80, 60), photograph(64, 64), photograph(48, 200)]


def encoder_of(name):
    backbone = load_backbone(name, None, 1)
    own = BackboneSettings(network=name, weights=None, size=None, geometry=None)
    return NetworkEncoder.of(backbone, Encoding.of(own, backbone, 10**8), CPU)


@torch.inference_mode()
def expected_pictures(kind, name):
    folder = name.partition(":")[2]
    if kind == "open_clip":
        import open_clip

        model, prepare = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
        return model.eval().encode_image(torch.stack([prepare(picture) for picture in PICTURES])).numpy()
    import transformers

    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    pixels = processor(images=PICTURES, return_tensors="pt")
    return transformers.AutoModel.from_pretrained(folder).get_image_features(**pixels).pooler_output.numpy()


@torch.inference_mode()
def expected_texts(kind, name, texts):
    folder = name.partition(":")[2]
    if kind == "open_clip":
        import open_clip

        model, _ = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
        return model.eval().encode_text(open_clip.get_tokenizer(f"local-dir:{folder}")(texts)).numpy()
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu", local_files_only=True)
    if kind == "siglip":  # trained on texts that are filled up, of whose places it takes the last
        filled = {"text": {"padding": "max_length", "max_length": model.max_seq_length}}
        with torch.inference_mode():
            return model(model.preprocess(texts, processing_kwargs=filled))["sentence_embedding"].numpy()
    return model.encode(texts)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_what_the_library_makes_of_them(kind, made):
    encoder = encoder_of(made(kind))
    found, expected = encoder.encode(PICTURES), expected_pictures(kind, made(kind))
    assert found.shape == (3, DIMENSION) == (3, encoder.dimension)
    np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("kind", KINDS)
def test_a_pair_in_an_object_store_is_that_of_the_folder(kind, made, store, tmp_path):
    prefix, _, folder = made(kind).partition(":")
    store.put_folder(Path(folder), "shop/pair")
    there = f"{prefix}:memory://shop/pair"
    np.testing.assert_array_equal(encoder_of(there).encode(PICTURES), encoder_of(made(kind)).encode(PICTURES))
    found, expected = (open_pair_texts([name], SentenceReading(), tmp_path, by="x") for name in (there, made(kind)))
    assert found.config == expected.config
    np.testing.assert_array_equal(found.encode(NAMES), expected.encode(NAMES))


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_picture_half_gives_the_same_bits_without_the_folder(kind, made, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(made(kind).partition(":")[2], folder)
    encoder = encoder_of(f"{made(kind).partition(':')[0]}:{folder}")
    (tmp_path / "saved").mkdir()
    encoder.save(tmp_path / "saved")
    shutil.rmtree(folder)
    again = load_encoder(tmp_path / "saved")
    np.testing.assert_array_equal(again.encode(PICTURES), encoder.encode(PICTURES))
    assert again.config == encoder.config
    weights = sum(parameter.numel() for parameter in again.backbone.module.parameters()) * 4
    assert (tmp_path / "saved/weights.safetensors").stat().st_size < weights + 20_000  # no text half


@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_what_the_library_makes_of_them(kind, made, tmp_path):
    encoder = open_pair_texts(["resnet18", made(kind)], SentenceReading(normalise=False), tmp_path, by="x")
    found = encoder.encode(NAMES)
    assert found.shape == (4, DIMENSION) and not found[3].any()
    np.testing.assert_allclose(found[:3], expected_texts(kind, made(kind), NAMES[:3]), atol=1e-5)
    prompted = open_pair_texts([made(kind)], SentenceReading(prompt="a photo of "), tmp_path, by="x")
    unit = expected_texts(kind, made(kind), ["a photo of red shoe"])
    np.testing.assert_allclose(prompted.encode(NAMES[:1]), unit / np.linalg.norm(unit), atol=1e-5)
    encoder.save(tmp_path)
    again = load_encoder(tmp_path)
    np.testing.assert_array_equal(again.encode(NAMES), found)
    np.testing.assert_array_equal(again.encode(NAMES[::-1])[::-1], found)
    assert again.config == encoder.config


@pytest.mark.parametrize("kind", KINDS)
def test_texts_that_are_cut_off_are_told(kind, made, tmp_path, caplog):
    """A tiny pair of transformers has a token a letter, one of open_clip a token a word."""
    long = " ".join(["shoe"] * 30)
    encoder = open_pair_texts([made(kind)], SentenceReading(max_length=8), tmp_path, by="x")
    encoder.encode(["a hat", long, f"{long} red"])
    assert "2 of 3 texts are longer than max_length, 8 tokens, and are cut off, first 'shoe shoe" in caplog.text
    caplog.clear()
    encoder.encode(["a hat"])
    assert not caplog.text
    with pytest.raises(InputError, match=r"99.*Set max_length to less, or to null"):
        open_pair_texts([made(kind)], SentenceReading(max_length=99), tmp_path, by="x")


@needs_open_clip
def test_a_shorter_text_of_open_clip_is_its_beginning(made, tmp_path):
    short = open_pair_texts([made("open_clip")], SentenceReading(max_length=5), tmp_path, by="x")
    whole = open_pair_texts([made("open_clip")], SentenceReading(), tmp_path, by="x")
    expected = whole.encode(["red wool shoe"])  # three words between a token for each end
    np.testing.assert_allclose(short.encode(["red wool shoe for men"]), expected, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pair_can_learn_block_by_block(kind, made):
    backbone = load_backbone(made(kind), None, 1)
    found = blocks(backbone)
    assert len(found) >= 4 and sum(map(len, found)) == len(list(backbone.module.parameters()))
    backbone.module(torch.zeros(2, 3, SIZE, SIZE)).sum().backward()
    assert all(any(parameter.grad is not None for parameter in block) for block in found)


def test_only_pairs_read_texts(tmp_path):
    with pytest.raises(InputError, match=r"text_vectors\.encoders: pair reads texts by the pair .* found resnet18"):
        open_pair_texts(["resnet18"], SentenceReading(), tmp_path, by="text_vectors.encoders")


def edited(folder, name, change):
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("kind", "damage", "said"),
    [
        ("open_clip", shutil.rmtree, "no such folder. Expected a pair of pictures and texts"),
        ("open_clip", lambda folder: (folder / "open_clip_config.json").unlink(), "expected open_clip_config.json and"),
        (
            "open_clip",
            lambda folder: edited(folder, "open_clip_config.json", lambda content: content.pop("preprocess_cfg")),
            "expected model_cfg and preprocess_cfg. How pictures are normalised is not in the weights",
        ),
        ("open_clip", lambda folder: (folder / "open_clip_config.json").write_text("{"), "damaged"),
        ("open_clip", lambda folder: (folder / "open_clip_model.safetensors").unlink(), "expected weights in one file"),
        (
            "open_clip",
            lambda folder: edited(
                folder, "open_clip_config.json", lambda content: content["model_cfg"].update(embed_dim=8)
            ),
            "weights of open_clip:.* that do not fit",
        ),
        ("clip", lambda folder: (folder / "preprocessor_config.json").unlink(), "expected preprocessor_config.json"),
        (
            "clip",
            lambda folder: edited(folder, "preprocessor_config.json", lambda content: content.update(do_rescale=False)),
            "its pictures are prepared in another way: do_rescale",
        ),
        (
            "clip",
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            "expected weights in one file, model.safetensors, found pytorch_model.bin",
        ),
        (
            "clip",
            lambda folder: edited(folder, "config.json", lambda content: content.update(model_type="bert")),
            "cannot make the network",
        ),
        (
            "clip",
            lambda folder: edited(folder, "config.json", lambda content: content.update(vision_config=[])),
            "cannot make the network",
        ),
        ("clip", lambda folder: (folder / "preprocessor_config.json").write_text("[]"), "found list"),
        (
            "clip",
            lambda folder: edited(
                folder, "preprocessor_config.json", lambda content: content.update(size={"shortest_edge": 16})
            ),
            "cannot make the network .*a share of them from 0 to 1",
        ),
        (
            "clip",
            lambda folder: (folder / "modules.json").write_text(
                json.dumps([{"type": "a.Transformer", "path": ""}, {"type": "a.Dense", "path": "1"}])
            ),
            "expected a model alone, found Dense",
        ),
    ],
)
def test_what_is_wrong_with_a_folder_is_named(kind, damage, said, made, tmp_path):
    if kind not in {param.values[0] for param in KINDS if not any(mark.args[0] for mark in param.marks)}:
        pytest.skip("the library of this pair is not installed")
    folder = tmp_path / "copy"
    shutil.copytree(made(kind).partition(":")[2], folder)
    damage(folder)
    with pytest.raises(InputError, match=said):
        load_backbone(f"{made(kind).partition(':')[0]}:copy", None, 1, tmp_path)


def without(folder, file, *names, **changed):
    state = {name: value for name, value in load_file(folder / file).items() if name not in names}
    save_file(state | {name: change(state[name]) for name, change in changed.items()}, folder / file)


@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_not_read_by_weights_that_leave_something_random(kind, made, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(made(kind).partition(":")[2], folder)
    file, name, said = {
        "open_clip": ("open_clip_model.safetensors", "text_projection", "does not fit the model"),
        "clip": ("model.safetensors", "text_projection.weight", "would depend on chance"),
        "siglip": ("model.safetensors", "text_model.head.weight", "would depend on chance"),
    }[kind]
    without(folder, file, name)
    with pytest.raises(InputError, match=said):
        open_pair_texts([f"{made(kind).partition(':')[0]}:copy"], SentenceReading(), tmp_path, by="x")


@needs_open_clip
def test_texts_are_not_read_by_weights_of_another_size(made, tmp_path):
    shutil.copytree(made("open_clip").partition(":")[2], tmp_path / "copy")
    without(tmp_path / "copy", "open_clip_model.safetensors", text_projection=lambda value: value[:, :8].contiguous())
    with pytest.raises(InputError, match="does not fit the model of its folder: text_projection"):
        open_pair_texts(["open_clip:copy"], SentenceReading(), tmp_path, by="x")


@needs_open_clip
@torch.inference_mode()
def test_a_pair_of_open_clip_whose_pictures_timm_reads(made, tmp_path):
    """Such are its SigLIP and MobileCLIP."""
    pytest.importorskip("timm", reason="timm is not installed (huse[vision])")
    import open_clip

    shutil.copytree(made("open_clip").partition(":")[2], tmp_path / "copy")
    vision = {"timm_model_name": "test_efficientnet", "timm_pool": "avg", "timm_proj": "linear", "image_size": SIZE}
    edited(tmp_path / "copy", "open_clip_config.json", lambda content: content["model_cfg"].update(vision_cfg=vision))
    whole = open_clip.create_model(f"local-dir:{tmp_path / 'copy'}", load_weights=False).eval()
    save_file(whole.state_dict(), tmp_path / "copy/open_clip_model.safetensors")
    check_weights("open_clip:copy", None, tmp_path)
    backbone = load_backbone("open_clip:copy", None, 1, tmp_path)
    pictures = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    assert torch.equal(backbone.module(pictures), whole.encode_image(pictures))
    assert (backbone.dimension, backbone.made_for.size) == (DIMENSION, SIZE)


@needs_open_clip
@needs_transformers
def test_weights_are_checked_without_making_the_network_in_memory(made):
    for kind in ("open_clip", "clip"):
        check_weights(made(kind), None)


def test_without_the_library_what_to_install_is_said(monkeypatch):
    monkeypatch.setattr(pair_networks, "find_spec", lambda name: None)
    for prefix, extra in (("open_clip:", "clip"), ("sentence-transformers:", "text")):
        with pytest.raises(InputError, match=rf"is not installed, .* Run `pip install 'huse\[{extra}\]'`"):
            pair_networks.build(prefix, "x", {}, 1)
