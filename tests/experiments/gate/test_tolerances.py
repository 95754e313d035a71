import pytest

from huse.errors import InputError
from huse.experiments.gate.rules import Rule
from huse.experiments.gate.tolerances import measured_tolerances

RULES = [
    Rule(metric="evaluate.accuracy", better="higher", tolerance=0),
    Rule(metric="evaluate.gap", better="lower", tolerance=0),
    Rule(metric="evaluate.space.gap", better="lower", tolerance=0),
]


def runs(values=(0.5, 0.6, 0.7), seeds=(1, 2, 3), betas=(10, 10, 10), **changes):
    metrics = {
        f"run{number}": {
            "evaluate": {"accuracy": value, "gap": 0.25, "split": "one", "items": 400, "space": {"gap": value / 10}}
        }
        for number, value in enumerate(values)
    }
    trained = [{"train": {"seed": seed, "beta": beta}} for seed, beta in zip(seeds, betas, strict=False)]
    params = dict(zip(metrics, trained, strict=True))
    for name, change in changes.items():
        metrics[name]["evaluate"].update(change)
    return metrics, params


def test_the_larger_of_two_deviations_and_of_chance():
    found, items = measured_tolerances(RULES, *runs())
    # 0.5, 0.6, 0.7: deviation 0.1; of the gap, which never moves, 1 / √400; of the space four deviations
    assert items == 400
    expected = {"evaluate.accuracy": (0.2, 0.1), "evaluate.gap": (0.05, 0.0), "evaluate.space.gap": (0.04, 0.01)}
    assert found == expected


def test_metrics_per_product_are_means_over_products():
    metrics, params = runs()
    for content in metrics.values():
        content["evaluate"]["product"] = {"products": 100, "accuracy": 0.5}
    rules = [*RULES, Rule(metric="evaluate.product.accuracy", better="higher", tolerance=0)]
    found, _ = measured_tolerances(rules, metrics, params)
    assert (found["evaluate.product.accuracy"], found["evaluate.gap"]) == ((0.1, 0.0), (0.05, 0.0))


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (runs((0.5, 0.6), (1, 2)), "expected at least 3 runs that differ in train.seed, found 2"),
        (runs(betas=(10, 10, 1)), "run2 and run0 differ in train.beta, not in train.seed alone"),
        (runs(seeds=(1, 1, 2)), "expected another train.seed in every run, found 1, 1, 2"),
        (runs(run2={"split": "two"}), "expected the same evaluate.split in every run"),
        (runs(run1={"split": None}), "expected the same evaluate.split in every run"),
        (runs(run2={"items": 399}), "expected the same evaluate.items in every run"),
        (runs(run2={"accuracy": None}), "evaluate.accuracy: expected a number in every run, found 0.5, 0.6, None"),
        (runs(run0={"gap": float("nan")}), "evaluate.gap: expected a number in every run"),
    ],
)
def test_runs_that_do_not_fit(found, reason):
    with pytest.raises(InputError, match=reason):
        measured_tolerances(RULES, *found)
