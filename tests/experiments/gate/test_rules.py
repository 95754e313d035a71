import pytest

from huse.errors import InputError
from huse.experiments.gate.rules import read_rules
from tests.conftest import ROOT

GOOD = "rules:\n  - {metric: evaluate.items, better: higher, tolerance: 0.1, floor: 0.5}\n"

WRONG = {
    "rules: []\n": "rules: list should have at least 1 item",
    "measured_on: {seeds: 3, items: 9}\n": "rules: field required; found nothing",
    "rules:\n  - {metric: evaluate.items, better: more, tolerance: 0.1}\n": "input should be 'higher' or 'lower'",
    "rules:\n  - {metric: evaluate.items, better: higher, tolerance: -0.1}\n": "greater than or equal to 0",
    "rules:\n  - {metric: evaluate.items, better: higher, tolerance: .nan}\n": "finite number",
    "rules:\n  - {metric: evaluate.items, better: higher, tolerance: '0.1'}\n": "valid number; found '0.1'",
    "rules:\n  - {metric: evaluate.items, better: higher}\n": r"rules\.0\.tolerance: field required",
    "rules:\n  - {metric: items, better: higher, tolerance: 0.1}\n": r"rules\.0\.metric: string should match pattern",
    "rules:\n  - {metric: ../a.b, better: higher, tolerance: 0.1}\n": r"rules\.0\.metric: string should match pattern",
    "rules:\n  - {metric: a.b, better: higher, tolerance: 0.1, ceiling: 1}\n": "a ceiling is for what is better lower",
    "rules:\n  - {metric: a.b, better: lower, tolerance: 0.1, floor: 1}\n": "a floor is for what is better higher",
    "rules:\n  - {metric: a.b, better: higher, tolerance: 0.1, roof: 1}\n": r"rules\.0\.roof: extra inputs",
    "rules:\n  - {metric: a.b, better: lower, tolerance: 0.1, above: c}\n": "`above` is for what is better higher",
    "rules:\n  - {metric: a.b, better: higher, tolerance: 0.1, margin: 0.1}\n": "a margin is over the metric that",
    "rules:\n  - {metric: a.b, better: higher, tolerance: 0.1, above: ../c}\n": "above: string should match pattern",
    GOOD + "  - {metric: evaluate.items, better: higher, tolerance: 0.2}\n": "several for evaluate.items",
    GOOD + "measured_on: {seeds: 2, items: 9}\n": r"measured_on\.seeds: input should be greater than or equal to 3",
    "- 1\n": "expected a mapping of sections, found list",
    "rules: [\n": "not valid YAML",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_files_say_what_is_wrong(tmp_path, text):
    path = tmp_path / "gate.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=WRONG[text]) as raised:
        read_rules(path)
    assert str(path) in str(raised.value)


def test_the_projects_own_rules_were_measured():
    rules = read_rules(ROOT / "metrics/gate.yaml")
    assert rules.measured_on is not None
    for rule in rules.rules:
        assert rule.deviation is not None
        of_space = rule.metric.startswith("evaluate.space.")
        tolerance = 4 * rule.deviation if of_space else min(2 * rule.deviation, 0.015)
        assert rule.tolerance == pytest.approx(tolerance, abs=1e-4)
        assert (rule.floor if rule.better == "higher" else rule.ceiling) is not None
