import pytest

from huse.errors import InputError
from huse.experiments.gate.rules import Rule
from huse.experiments.gate.tolerances import measured_tolerances

RULES = [
    Rule(metric="evaluate.classification.accuracy", better="higher", tolerance=0),
    Rule(metric="evaluate.retrieval.map", better="higher", tolerance=0),
    Rule(metric="evaluate.space.gap", better="lower", tolerance=0),
]


def runs(values=(0.5, 0.6, 0.7), seeds=(1, 2, 3), betas=(10, 10, 10), **changes):
    metrics = {
        f"run{number}": {
            "evaluate": {
                "classification": {"accuracy": value},
                "retrieval": {"map": value / 20},
                "split": "one",
                "items": 400,
                "space": {"gap": value / 10},
            }
        }
        for number, value in enumerate(values)
    }
    trained = [{"train": {"seed": seed, "beta": beta}} for seed, beta in zip(seeds, betas, strict=False)]
    params = dict(zip(metrics, trained, strict=True))
    for name, change in changes.items():
        metrics[name]["evaluate"].update(change)
    return metrics, params


def test_two_deviations_at_most_a_point_and_a_half_and_four_of_the_space():
    found, items = measured_tolerances(RULES, *runs())
    # 0.5, 0.6, 0.7: deviation 0.1, above the most; a twentieth of that; of the space four deviations
    assert items == 400
    assert found == {
        "evaluate.classification.accuracy": (0.015, 0.1),
        "evaluate.retrieval.map": (0.01, 0.005),
        "evaluate.space.gap": (0.04, 0.01),
    }


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (runs((0.5, 0.6), (1, 2)), "expected at least 3 runs that differ in train.seed, found 2"),
        (runs(betas=(10, 10, 1)), "run2 and run0 differ in train.beta, not in train.seed alone"),
        (runs(seeds=(1, 1, 2)), "expected another train.seed in every run, found 1, 1, 2"),
        (runs(run2={"split": "two"}), "expected the same evaluate.split in every run"),
        (runs(run1={"split": None}), "expected the same evaluate.split in every run"),
        (runs(run2={"items": 399}), "expected the same evaluate.items in every run"),
        (
            runs(run2={"retrieval": {}}),
            "evaluate.retrieval.map: expected a number in every run, found 0.025, 0.03, None",
        ),
        (runs(run0={"space": {"gap": float("nan")}}), "evaluate.space.gap: expected a number in every run"),
    ],
)
def test_runs_that_do_not_fit(found, reason):
    with pytest.raises(InputError, match=reason):
        measured_tolerances(RULES, *found)
