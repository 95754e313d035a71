import numpy as np
import pytest
import torch
from PIL import Image

from huse.encoders.families import load_encoder
from huse.encoders.network import NetworkEncoder
from huse.encoders.picture_input import Encoding
from huse.errors import InputError
from huse.vision.backbones import Backbone, load_backbone
from huse.vision.geometry import fit
from huse.vision.network_input import check_size, normalise
from huse.vision.torchvision_ops import import_torchvision
from tests.vision.conftest import SQUEEZENET, needs

CPU = torch.device("cpu")
SIZE = 64


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("squeezenet1_1", "random", 1)


def pixels(count, size=SIZE, seed=0):
    """Smooth random pictures: noise has nothing that a network would answer to differently."""
    small = np.random.default_rng(seed).integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((size, size))) for one in small])


def encoder(backbone, *, batch_size=4, dtype="float32", size=SIZE, device=CPU, geometry="squash", max_pixels=10**8):
    encoding = Encoding(geometry=geometry, size=size, max_pixels=max_pixels, dtype=dtype, batch_size=batch_size)
    return NetworkEncoder.of(backbone, encoding, device)


def cosines(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_normalised_values():
    colour = (255, 0, 51)
    values = normalise(torch.from_numpy(fit(Image.new("RGB", (50, 40), colour), geometry="squash", size=32)[None]))[0]
    assert values.shape == (3, 32, 32) and values.dtype == torch.float32
    expected = [(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (0.2 - 0.406) / 0.225]
    np.testing.assert_allclose(values[:, 3, 4], expected, rtol=1e-5)


def test_normalise_is_channels_last_and_leaves_its_input():
    white = torch.full((2, 8, 8, 3), 255, dtype=torch.uint8)
    values = normalise(white)
    assert values.shape == (2, 3, 8, 8) and values.is_contiguous(memory_format=torch.channels_last)
    assert (white == 255).all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("network", ["squeezenet1_1", "resnet18"])
def test_a_vector_does_not_depend_on_what_else_is_in_the_batch(network, dtype):
    encode = encoder(load_backbone(network, "random", 1), dtype=dtype).encode_pixels
    batch = pixels(4)
    together = encode(batch).numpy()
    for place in range(4):
        assert encode(batch[place : place + 1]).numpy()[0].tobytes() == together[place].tobytes()
        assert encode(np.roll(batch, place, axis=0)).numpy()[place].tobytes() == together[0].tobytes()


def test_equals_the_backbone_on_one_picture_at_a_time(backbone):
    batch = pixels(3)
    found = encoder(backbone).encode_pixels(batch)
    assert found.shape == (3, 512) and found.dtype == torch.float32
    with torch.inference_mode():
        for picture, vector in zip(batch, found, strict=True):
            expected = backbone.module(normalise(torch.from_numpy(picture[None])))[0]
            torch.testing.assert_close(vector, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("network", ["squeezenet1_1", "resnet18", "mobilenet_v2"])
def test_bfloat16_is_near(network):
    of = load_backbone(network, "random", 1)
    before = {key: value.clone() for key, value in of.module.state_dict().items()}
    batch = pixels(8)
    assert (
        cosines(
            encoder(of, dtype="bfloat16").encode_pixels(batch).numpy(), encoder(of).encode_pixels(batch).numpy()
        ).min()
        > 0.999
    )
    assert all(torch.equal(value, before[key]) for key, value in of.module.state_dict().items())


@needs(SQUEEZENET)
def test_bfloat16_is_near_with_real_weights():
    squeezenet = load_backbone("squeezenet1_1", str(SQUEEZENET), 1)
    batch = pixels(4, size=224)
    low, high = encoder(squeezenet, dtype="bfloat16", size=224), encoder(squeezenet, size=224)
    assert cosines(low.encode_pixels(batch).numpy(), high.encode_pixels(batch).numpy()).min() > 0.999


def test_the_fingerprint_has_all_that_decides(backbone):
    base = encoder(backbone).fingerprint
    assert encoder(backbone).fingerprint == base
    for other in (
        encoder(load_backbone("squeezenet1_1", "random", 2)),
        encoder(load_backbone("squeezenet1_0", "random", 1)),
        encoder(backbone, batch_size=5),
        encoder(backbone, dtype="bfloat16"),
        encoder(backbone, size=80),
    ):
        assert other.fingerprint != base


def test_a_size_that_the_backbone_does_not_take(backbone):
    with pytest.raises(InputError, match="squeezenet1_1 does not take pictures of 8 × 8 pixels"):
        check_size(backbone, 8)
    with pytest.raises(InputError, match="vit_b_16 does not take pictures of 96 × 96 pixels"):
        check_size(load_backbone("vit_b_16", "random", 1), 96)


def test_a_network_without_pooled_features_is_refused():
    maps = Backbone("maps", torch.nn.Conv2d(3, 4, 3), 4, {}, {})
    with pytest.raises(InputError, match=r"a vector of 4 values for a picture; maps gives \(1, 4, 62, 62\)"):
        check_size(maps, 64)
    several = Backbone("several", torch.nn.Module(), 4, {}, {})
    several.module.forward = lambda pictures: (pictures, pictures)
    with pytest.raises(InputError, match="several gives tuple"):
        check_size(several, 64)


def test_resnet18_gives_what_img2vec_gives(tmp_path, monkeypatch):
    img2vec_pytorch = pytest.importorskip("img2vec_pytorch", reason="img2vec_pytorch is not installed")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    weights = tmp_path / "hub/checkpoints/resnet18-f37072fd.pth"
    weights.parent.mkdir(parents=True)
    torch.manual_seed(3)
    torch.save(import_torchvision().models.resnet18().state_dict(), weights)
    pictures = [
        Image.fromarray(one).resize(shape)
        for one, shape in zip(pixels(3, 96), [(300, 200), (80, 120), (224, 224)], strict=True)
    ]
    expected = img2vec_pytorch.Img2Vec(model="resnet-18").get_vec(pictures)
    inputs = np.stack([fit(picture, geometry="squash", size=224) for picture in pictures])
    found = encoder(load_backbone("resnet18", str(weights), 1), size=224).encode_pixels(inputs).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_gpu_gives_what_the_cpu_gives(backbone, dtype):
    batch = pixels(6)
    on_gpu = encoder(backbone, device=torch.device("cuda"), dtype=dtype, batch_size=8).encode_pixels(batch)
    assert on_gpu.device.type == "cuda"
    assert cosines(on_gpu.cpu().numpy(), encoder(backbone).encode_pixels(batch).numpy()).min() > 0.999


@pytest.fixture
def files(tmp_path):
    """Six pictures on disk, of several shapes and formats."""
    found = []
    for number, ending in enumerate(("png", "jpg", "webp", "png", "jpg", "bmp")):
        found.append(tmp_path / f"{number}.{ending}")
        Image.fromarray(pixels(1, 40 + 30 * number, seed=number)[0]).crop((0, 0, 40, 30 + 9 * number)).save(found[-1])
    return found


@pytest.mark.parametrize("count", [1, 4, 6])
def test_a_picture_may_come_as_path_content_picture_or_array(backbone, files, count):
    encode = encoder(backbone).encode
    as_paths = encode(files[:count])
    assert as_paths.shape == (count, 512) and as_paths.dtype == np.float32
    np.testing.assert_array_equal(encode([str(file) for file in files[:count]]), as_paths)
    np.testing.assert_array_equal(encode([file.read_bytes() for file in files[:count]]), as_paths)
    opened = [Image.open(file).convert("RGB") for file in files[:count]]
    np.testing.assert_array_equal(encode([np.asarray(picture) for picture in opened]), encode(opened))
    np.testing.assert_allclose(encode(opened), as_paths, rtol=1e-3, atol=1e-3)


def test_order_and_company_change_nothing_but_rounding(backbone, files):
    encode = encoder(backbone, batch_size=4).encode
    together = encode(files)
    np.testing.assert_array_equal(encode(files[::-1])[::-1], together)
    for number, file in enumerate(files):
        np.testing.assert_allclose(encode([file])[0], together[number], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        ("missing.jpg", r"missing\.jpg: picture file does not exist"),
        (b"no picture", "picture 1: file is not a picture"),
        (b"", "picture 1: .*"),
        (np.zeros((4, 4), np.uint8), "picture 1: expected an array of H × W × 3 uint8, found 4 × 4 uint8"),
        (np.zeros((4, 4, 3)), "found 4 × 4 × 3 float64"),
        (7, "expected a path, bytes, a PIL image or an array, found int"),
    ],
)
def test_what_is_no_picture_is_named(backbone, files, picture, said):
    with pytest.raises(InputError, match=said):
        encoder(backbone).encode([files[0], picture])


def test_no_pictures_give_no_vectors(backbone):
    assert encoder(backbone).encode([]).shape == (0, 512)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_saved_encoder_gives_the_same_bits(backbone, files, tmp_path, dtype):
    before = encoder(backbone, dtype=dtype, geometry="pad", max_pixels=5_000_000)
    folder = tmp_path / "encoder"
    folder.mkdir()
    before.save(folder)
    after = load_encoder(folder)
    assert after.config == before.config
    assert set(after.backbone.fingerprint) == {"weights_sha256"}
    np.testing.assert_array_equal(after.encode(files), before.encode(files))
    assert not np.array_equal(encoder(backbone, dtype=dtype).encode(files), before.encode(files))  # squash


def test_published_weights_that_need_their_input_converted_get_it_after_loading_too(tmp_path):
    torch.manual_seed(0)
    torch.save(import_torchvision().models.googlenet(init_weights=True).state_dict(), tmp_path / "google.pth")
    before = encoder(load_backbone("googlenet", str(tmp_path / "google.pth"), 1))
    assert before.backbone.module.transform_input
    (tmp_path / "encoder").mkdir()
    before.save(tmp_path / "encoder")
    after = load_encoder(tmp_path / "encoder")
    assert after.backbone.module.transform_input
    assert torch.equal(after.encode_pixels(pixels(2)), before.encode_pixels(pixels(2)))


def test_a_changed_encoder_is_as_one_that_was_made_so(backbone):
    changed = encoder(backbone).changed(CPU, dtype="bfloat16", batch_size=3)
    made = encoder(backbone, dtype="bfloat16", batch_size=3)
    assert (changed.config, changed.fingerprint) == (made.config, made.fingerprint)
    assert torch.equal(changed.encode_pixels(pixels(2)), made.encode_pixels(pixels(2)))


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config.json", "{", r"config\.json: does not describe an encoder"),
        ("config.json", '{"family": "fax"}', "expected a family of encoders .*, found 'fax'"),
        (
            "config.json",
            '{"family": "network"}',
            "expected the keys backbone, options, origin, geometry, size",
        ),
        (
            "config.json",
            ("squeezenet1_1", "resnet99"),
            "expected a classification model of torchvision, such as .*; found 'resnet99'",
        ),
        ("config.json", ("squeezenet1_1", "resnet18"), r"weights\.safetensors: not the weights of resnet18"),
        ("config.json", ('"squash"', "7"), r"config\.json: does not describe an encoder of pictures"),
        ("config.json", None, r"config\.json: not found"),
        ("weights.safetensors", "no weights", "weights"),
        ("weights.safetensors", None, r"weights\.safetensors: weights not found"),
    ],
)
def test_a_damaged_folder_is_named(backbone, tmp_path, file, content, said):
    encoder(backbone).save(tmp_path)
    if content is None:
        (tmp_path / file).unlink()
    elif isinstance(content, tuple):
        (tmp_path / file).write_text((tmp_path / file).read_text().replace(*content))
    else:
        (tmp_path / file).write_text(content)
    with pytest.raises(InputError, match=said):
        load_encoder(tmp_path)
