"""The settings that the comparison of methods tried and chose on validation."""

from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from huse.experiments.methods.entries import Changes
from huse.experiments.methods.running import Outcome

TREE_NOTE = "`*`: trained on the class tree that HP and AHP are measured on."


def choices_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return for each entry the chosen setting and those tried."""
    return {
        outcome.entry.name: {
            "setting": {**outcome.entry.changes, **outcome.chosen},
            "tried": [{"setting": dict(setting), "validation": value} for setting, value in outcome.tried],
        }
        for outcome in outcomes
    }


def choices_markdown(outcomes: Sequence[Outcome]) -> str:
    """Return the same in Markdown."""
    rows = [
        [
            outcome.entry.label,
            _setting(outcome.chosen),
            "; ".join(f"{_setting(setting)}: {100 * value:.1f}" for setting, value in outcome.tried),
        ]
        for outcome in outcomes
    ]
    table = tabulate(rows, ["method", "chosen", "tried, with the score on validation"], tablefmt="pipe")
    return f"{TREE_NOTE}\n\n### What was chosen on validation\n\n{table}\n"


def _setting(setting: Changes) -> str:
    return ", ".join(f"{name.rpartition('.')[2]} {value}" for name, value in setting.items())
