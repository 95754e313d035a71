"""Small image-text pairs with random weights, as open_clip and transformers write them."""

import json
from importlib.util import find_spec

import pytest
import torch
from safetensors.torch import save_file

from huse.vision.torchvision_ops import import_torchvision

needs_open_clip = pytest.mark.skipif(find_spec("open_clip") is None, reason="open_clip, the extra `clip`, is missing")
needs_transformers = pytest.mark.skipif(
    find_spec("sentence_transformers") is None, reason="sentence-transformers, the extra `text`, is missing"
)
KINDS = [
    pytest.param("open_clip", marks=needs_open_clip),
    pytest.param("clip", marks=needs_transformers),
    pytest.param("siglip", marks=needs_transformers),
]
SIZE, DIMENSION = 32, 16


def make_pair(kind, folder, *, seed=0):
    """Write a pair of a kind into a folder; return the name of its network."""
    import_torchvision()
    folder.mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _open_clip(folder) if kind == "open_clip" else _transformers(kind, folder)


def _open_clip(folder):
    import open_clip

    vision = {"image_size": SIZE, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16}
    text = {"context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
    pictures = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28], "interpolation": "bicubic"}
    config = {
        "model_cfg": {"embed_dim": DIMENSION, "vision_cfg": vision, "text_cfg": text},
        "preprocess_cfg": {**pictures, "resize_mode": "shortest"},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return f"open_clip:{folder}"


def _transformers(kind, folder):
    import transformers
    from tokenizers.pre_tokenizers import ByteLevel

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    letters = sorted(ByteLevel.alphabet())
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    text = {**sizes, "vocab_size": len(words), "max_position_embeddings": 20}
    text |= {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    vision = {**sizes, "image_size": SIZE, "patch_size": 8}
    if kind == "clip":
        config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=DIMENSION)
        model = transformers.CLIPModel(config)
        pictures = transformers.CLIPImageProcessor(
            size={"shortest_edge": 40}, crop_size={"height": SIZE, "width": SIZE}
        )
    else:
        sized = {"hidden_size": DIMENSION, "projection_size": DIMENSION}
        model = transformers.SiglipModel(
            transformers.SiglipConfig(text_config={**text, **sized}, vision_config={**vision, "hidden_size": DIMENSION})
        )
        pictures = transformers.SiglipImageProcessor(size={"height": SIZE, "width": SIZE}, image_mean=[0.5] * 3)
    model.save_pretrained(folder)
    vocabulary = {word: number for number, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    transformers.CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=20
    ).save_pretrained(folder)
    pictures.save_pretrained(folder)
    return f"sentence-transformers:{folder}"
