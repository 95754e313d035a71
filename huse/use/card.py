"""The model card: describes a model to whoever finds its folder (Mitchell et al. 2019, arXiv 1810.03993)."""

from collections.abc import Sequence
from typing import Any

SHOWN_CLASSES = 30


def model_card(info: dict[str, Any], classes: Sequence[str], dimension: int) -> str:
    """Return the card as Markdown.

    Args:
        info: of the model; see the stage `model`.
        classes: C class paths.
        dimension: of the shared space.
    """
    data, versions = info["data"], info["versions"]
    shown = [f"- `{path}`" for path in classes[:SHOWN_CLASSES]]
    learned = info.get("learned_from", {})
    halves = (
        [f"Of the rows to learn from, {learned['image']} have a picture and {learned['text']} a name.", ""]
        if len(set(learned.values())) > 1
        else []
    )
    more = [f"- and {len(classes) - SHOWN_CLASSES} more, in `config.json`"] if len(classes) > SHOWN_CLASSES else []
    rows = [f"| {name} | {_shown(metric)} |" for name, metric in info["metrics"].items()]
    return "\n".join(
        [
            "# A HUSE model",
            "",
            f"One space of {dimension} dimensions for product pictures, product names and {len(classes)} product "
            f"classes. Method: `{info['method']}` (Hierarchical Universal Semantic Embeddings, arXiv 1911.05978).",
            "",
            "## Use it",
            "",
            "    import huse",
            '    model = huse.load("this folder")',
            '    model.classify(images=["some.jpg"], texts=["some name"])',
            '    model.decide(images=["some.jpg"], precision=0.95)    # stops above the class where it is not sure',
            "    model.encode_images([...]); model.encode_texts([...])    # N × D float32, unit norm",
            "",
            "You need only this folder and the package: no pipeline, no parameters, no DVC.",
            "",
            "## What it was trained on",
            "",
            f"{data['products']} products with {data['pictures']['train']} training, {data['pictures']['validation']} "
            f"validation and {data['pictures']['test']} test pictures. Pictures go through `{info['image_encoder']}`, "
            f"names through `{info['text_encoder']}`.",
            "",
            *halves,
            "## Metrics of the test split, with 95 % intervals",
            "",
            "| metric | value |",
            "| --- | --- |",
            *rows,
            "",
            "No stage learned from the test split. How scores are fused and calibrated was chosen on validation.",
            "",
            "## Limits",
            "",
            "- It gives every product one of its classes, even a product of a class that it has never seen.",
            "- Probabilities are calibrated on products like those of the catalogue. Other photographs, another "
            "language or another shop's names make them too certain.",
            "- A name without a known word carries no information; the picture decides alone only if the "
            "name is left out.",
            "",
            f"## Classes ({len(classes)})",
            "",
            *shown,
            *more,
            "",
            "## Versions",
            "",
            ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
            "",
        ]
    )


def _shown(metric: dict[str, float]) -> str:
    interval = f" ({metric['low']:.3f} – {metric['high']:.3f})" if "low" in metric else ""
    return f"{metric['value']:.3f}{interval}"
