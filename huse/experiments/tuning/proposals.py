"""Values to try next: the tree-structured Parzen estimator of Optuna (Bergstra et al. 2011)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from huse.errors import InputError
from huse.experiments.tuning.space import Choices, Numbers, Scalar, Space
from huse.experiments.tuning.trials import Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DIGITS = 4  # significant ones of a proposed number, so that it can be read and typed


def propose(space: Space, trials: Sequence[Trial], present: Trial) -> dict[str, Scalar]:
    """Return the values of the next trial, which follow from the trials before it alone.

    Args:
        space: what is searched.
        trials: so far.
        present: the values that the search starts from; where the ranges hold them, the estimator knows them too.

    Raises:
        InputError: Optuna is not installed.
    """
    try:
        import optuna  # noqa: PLC0415  of the extra `search` alone
    except ImportError as error:
        raise InputError("optuna: not installed. Install it: pip install 'optuna>=5,<6'.") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    domains = {name: _distribution(domain) for name, domain in space.parameters.items()}
    # A stream of numbers of its own for each trial: what is proposed does not depend on where a search was resumed.
    seed = int(np.random.SeedSequence((space.seed, len(trials))).generate_state(1)[0])
    study = optuna.create_study(
        direction="maximize" if space.better == "higher" else "minimize",
        sampler=optuna.samplers.TPESampler(seed=seed),
    )
    known = [present] if all(space.parameters[name].contains(value) for name, value in present.values.items()) else []
    for trial in (*known, *trials):
        ended = trial.figure is not None
        study.add_trial(
            optuna.trial.create_trial(
                params=dict(trial.values),
                distributions=domains,
                value=trial.figure,
                state=optuna.trial.TrialState.COMPLETE if ended else optuna.trial.TrialState.FAIL,
            )
        )
    proposed = study.ask(domains).params
    return {name: _rounded(proposed[name], domain) for name, domain in space.parameters.items()}


def _distribution(domain: Choices | Numbers) -> "BaseDistribution":
    from optuna.distributions import (  # noqa: PLC0415  of the extra `search` alone
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(domain, Choices):
        return CategoricalDistribution(domain.choices)
    if domain.whole:
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log, step=int(domain.step or 1))
    return FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)


def _rounded(value: Scalar, domain: Choices | Numbers) -> Scalar:
    if isinstance(domain, Choices) or not isinstance(value, float):
        return value
    return min(max(float(f"{value:.{DIGITS}g}"), domain.low), domain.high)
