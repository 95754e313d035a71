"""The command that trains and compares every method."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from huse.errors import InputError, log_to_terminal
from huse.run.place import Run


def methods(
    context: typer.Context,
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Seeds of each method; the parameters' is the first.")] = 5,
    only: Annotated[list[str] | None, typer.Option(help="A method, as the table names it; more than once.")] = None,
    ablation: Annotated[bool, typer.Option(help="HUSE+ without each of its parts, in place of the methods.")] = False,
    output: Annotated[Path | None, typer.Option(help="Folder for methods.md and methods.json; none: metrics.")] = None,
) -> None:
    """Train every method on the artefacts that are there, each tuned alike, and compare them on the test split."""
    here: Run = context.obj
    # These take seconds to import; the other commands do without them.
    from huse.engine.devices import resolve_device  # noqa: PLC0415
    from huse.engine.machine import Machine  # noqa: PLC0415
    from huse.engine.work import open_for_several  # noqa: PLC0415
    from huse.evaluation.splits import EvaluationSettings  # noqa: PLC0415
    from huse.experiments.methods.choices import choices_json, choices_markdown  # noqa: PLC0415
    from huse.experiments.methods.entries import ABLATION, BASELINE, ENTRIES, OURS  # noqa: PLC0415
    from huse.experiments.methods.running import Runner  # noqa: PLC0415
    from huse.experiments.methods.untrained import measure_untrained  # noqa: PLC0415
    from huse.experiments.runs.groups import baseline_group, differences, group_runs  # noqa: PLC0415
    from huse.experiments.runs.tables import publish  # noqa: PLC0415
    from huse.progress import progress  # noqa: PLC0415
    from huse.run.params.train import TrainParams  # noqa: PLC0415

    entries, first = (ABLATION, OURS) if ablation else (ENTRIES, BASELINE)
    known = {entry.name: entry for entry in entries}
    unknown = [name for name in only or () if name not in known]
    if unknown:
        raise InputError(f"--only {unknown[0]}: no method of that name; there are: {'; '.join(known)}.")
    log_to_terminal()
    params, seed = here.section(TrainParams, "train"), here.seed()
    machine = here.section(Machine, "machine")
    device = resolve_device(machine.device)
    runner = Runner(here, params, device, here.section(EvaluationSettings, "evaluate"))
    chosen = [known[name] for name in only] if only else list(entries)
    barred = [entry.name for entry in chosen if not runner.can_learn(entry)]
    if barred:
        reason = "learns from products with both a picture and a name, and no training product has both"
        told = f"{', '.join(barred)}: {reason}"
        if only:
            raise InputError(f"--only {told}. Leave it out.")
        logging.warning("left out, %s", told)
        chosen = [entry for entry in chosen if entry.name not in barred]
    every = range(seed, seed + seeds)
    if machine.engine != "local":
        with open_for_several(machine) as spread:
            runner.have_trained(chosen, every, spread)
    outcomes = []
    for entry in progress(chosen, description="compare", unit="method"):
        outcomes.append(runner.outcome(entry, every))
        logging.info("%s: best on validation with %s", entry.name, dict(outcomes[-1].chosen))
    groups = group_runs([run for outcome in outcomes for run in outcome.runs])
    baseline = next((group for group in groups if group.label == known[first].label), groups[0])
    page, further = (output or here / "metrics") / "methods.md", "\n" + choices_markdown(outcomes)
    tables, one = measure_untrained(here), groups[0].runs[0]
    others = [baseline_group(prefix, those, one, groups) for prefix, those in tables.items()]
    compared = differences([*groups, *others], baseline, seed=seed)
    publish(compared, "test", page, further=further, choices=choices_json(outcomes))
