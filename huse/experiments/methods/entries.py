"""The entries of the comparison: methods, each with a small grid to tune it on.

Every entry has the same number of settings. All share steps, batches, optimiser and, unless the name says otherwise,
towers. Methods that train a classification layer use the scaled cosine head, because an unscaled softmax over unit
vectors learns too little (`huse.model.towers.CosineHead`); DSCMR has no softmax.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Changes = Mapping[str, Any]  # of the section `train`: ``graph.zeta_quantile`` to a value

BASELINE, OURS = "HUSE", "HUSE+"

# The start of every entry, whatever preset params.yaml has, so that no baseline gets what a preset gives HUSE+.
# Settings are chosen by the mean of accuracy, R@1, mAP and AHP, since all are compared.
COMMON: Changes = {
    "seed": None,
    "alpha": 1,
    "beta": 10,
    "gamma": 1,
    "graph.distances": "labels",
    "graph.form": "stress",
    "graph.sigma": "or",
    "graph.zeta": None,
    "graph.zeta_quantile": 0.5,
    "graph.pairs": "all",
    "graph.normaliser": "all",
    "contrast.weight": 0,
    "class_vectors": "labels",
    "class_pull": 0,
    "image_layers": 5,
    "text_layers": 2,
    "input_dropout": 0,
    "dropout": 0.15,
    "relu_last": False,
    "head": "cosine",
    "scale": 16,
    "mixup": 0,
    "ema": 0,
    "sampler": "random",
    "criterion": "all",
}


@dataclass(frozen=True)
class Entry:
    """One row of the comparison.

    Attributes:
        name: in the table.
        changes: the parameters that define it.
        grid: settings to choose from on the validation split.
    """

    name: str
    changes: Changes
    grid: tuple[Changes, ...]

    @property
    def label(self) -> str:
        """The name, with a mark if it trains on the class tree that hierarchical metrics use."""
        return f"{self.name} *" if "tree" in self.changes.values() else self.name


def _values(name: str, *values: Any) -> tuple[Changes, ...]:
    return tuple({name: value} for value in values)


_HUSE: tuple[Changes, ...] = (
    {"beta": 1, "graph.zeta_quantile": 0.5},
    {"beta": 10, "graph.zeta_quantile": 0.5},
    {"beta": 10, "graph.zeta_quantile": 0.75},
    {"beta": 30, "graph.zeta_quantile": 0.5},
)
_TREE: Changes = {"graph.distances": "tree"}

# The settings of `huse_plus`, chosen on validation data; see docs/methods.md. How its towers are kept from overfitting
# is not part of the method, so plain HUSE is compared with it too.
_TOWERS: Changes = {"image_layers": 2, "dropout": 0.3, "input_dropout": 0.3}
_PLUS: Changes = {"method": "huse_plus", "graph.sigma": "full", "contrast.weight": 0.5, **_TREE, **_TOWERS}
_WHOLE: Changes = {**_PLUS, "class_pull": 0.6}

ENTRIES: tuple[Entry, ...] = (
    Entry("Separate", {"method": "separate"}, _values("scale", 8, 16, 32, 64)),
    Entry("Triplet", {"method": "triplet"}, _values("triplet.margin", 0.05, 0.1, 0.2, 0.5)),
    Entry("CME", {"method": "cme"}, _values("cme.classification", 0.01, 0.1, 1, 10)),
    Entry("CME, shared head", {"method": "cme_shared"}, _values("cme.classification", 0.01, 0.1, 1, 10)),
    Entry("AdaMine", {"method": "adamine", "sampler": "pairs"}, _values("adamine.semantic", 0.1, 0.3, 1, 3)),
    Entry("DeViSE", {"method": "devise"}, (*_values("devise.margin", 0.05, 0.1, 0.2), {"devise.loss": "cosine"})),
    Entry("HIE", {"method": "hie"}, _values("hie.classification", 0.03, 0.1, 0.3, 1)),
    Entry("HIE, tree", {"method": "hie", "class_vectors": "tree"}, _values("hie.classification", 0.03, 0.1, 0.3, 1)),
    Entry(
        "DSCMR",
        {"method": "dscmr", "head": "linear"},
        tuple(
            {"dscmr.likelihood": likelihood, "dscmr.invariance": invariance}
            for likelihood in (0.001, 0.1)
            for invariance in (0.1, 1)
        ),
    ),
    Entry("HUSE-P", {"method": "huse_p"}, _values("beta", 0.3, 1, 3, 10)),
    Entry("HUSE without graph", {"method": "huse", "beta": 0}, _values("gamma", 0, 0.1, 1, 3)),
    Entry("HUSE, equation 10", {"method": "huse_eq10"}, _HUSE),
    Entry(BASELINE, {"method": "huse"}, _HUSE),
    Entry("HUSE, tree", {"method": "huse", **_TREE}, _HUSE),
    Entry("HUSE, shallow", {"method": "huse", **_TOWERS}, _HUSE),
    Entry(OURS, _PLUS, _values("class_pull", 0.3, 0.4, 0.5, 0.6)),
)

_PARTS: Mapping[str, Changes] = {
    "class tree": {"graph.distances": "labels", "graph.sigma": "or"},
    "graph": {"beta": 0},
    "gap": {"gamma": 0},
    "contrastive term": {"contrast.weight": 0},
    "class pull": {"class_pull": 0},
    "shallow image tower": {"image_layers": 5},
    "dropout": {"dropout": 0},
    "input dropout": {"input_dropout": 0},
}

# Which parts of `huse_plus` earn their place; nothing is tuned.
ABLATION: tuple[Entry, ...] = (
    Entry(OURS, _WHOLE, ({},)),
    *(Entry(f"without {part}", {**_WHOLE, **changes}, ({},)) for part, changes in _PARTS.items()),
    Entry("with mixup", {**_WHOLE, "mixup": 0.4}, ({},)),
)
