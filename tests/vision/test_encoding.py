import numpy as np
import pytest
import torch
from PIL import Image

from huse.errors import InputError
from huse.vision.backbones import load_backbone
from huse.vision.encoding import check_size, make_encoder, normalise
from huse.vision.geometry import fit
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


def encoder(backbone, *, batch_size=4, dtype="float32", size=SIZE):
    return make_encoder(backbone, size=size, device=CPU, dtype=dtype, batch_size=batch_size)


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
    encode = encoder(load_backbone(network, "random", 1), dtype=dtype)
    batch = pixels(4)
    together = encode(batch).numpy()
    for place in range(4):
        assert encode(batch[place : place + 1]).numpy()[0].tobytes() == together[place].tobytes()
        assert encode(np.roll(batch, place, axis=0)).numpy()[place].tobytes() == together[0].tobytes()


def test_equals_the_backbone_on_one_picture_at_a_time(backbone):
    batch = pixels(3)
    found = encoder(backbone)(batch)
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
    assert cosines(encoder(of, dtype="bfloat16")(batch).numpy(), encoder(of)(batch).numpy()).min() > 0.999
    assert all(torch.equal(value, before[key]) for key, value in of.module.state_dict().items())


@needs(SQUEEZENET)
def test_bfloat16_is_near_with_real_weights():
    squeezenet = load_backbone("squeezenet1_1", str(SQUEEZENET), 1)
    batch = pixels(4, size=224)
    low, high = encoder(squeezenet, dtype="bfloat16", size=224), encoder(squeezenet, size=224)
    assert cosines(low(batch).numpy(), high(batch).numpy()).min() > 0.999


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
    found = encoder(load_backbone("resnet18", str(weights), 1), size=224)(inputs).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_gpu_gives_what_the_processor_gives(backbone, dtype):
    batch = pixels(6)
    on_gpu = make_encoder(backbone, size=SIZE, device=torch.device("cuda"), dtype=dtype, batch_size=8)(batch)
    assert on_gpu.device.type == "cuda"
    assert cosines(on_gpu.cpu().numpy(), encoder(backbone)(batch).numpy()).min() > 0.999
