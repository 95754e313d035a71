"""Products that are probably filed under the wrong class: arrays in, a ranked list out.

What is known of a product must be out of sample: from models that were fitted without it. Then its own class, right or
wrong, has had no part in the probabilities, and a mistake can be told from how surprising the class is.

How surprising is a question of what mistakes are like. One that lies anywhere in the tree and one between siblings have
other odds, so both kinds are weighed, by how often each happens in this shop (`Mistakes`).

Letters: N filings, each a product under one class; C classes, K neighbours.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from huse.taxonomy import ClassTree

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

BOTH, IMAGE, TEXT = "both", "image", "text"
LEAST = 1e-9  # probability of a class, so that every ratio is finite
START, ROUNDS = 0.02, 60  # of the shares of the two kinds of mistakes, by expectation and maximisation
MOST_NEAR = 0.1  # of the weight goes to siblings: a mistake far off is the worse one, and must not drown in these
MOST_NEAR_DRAWN = 0.9  # of the mistakes that are drawn; the others keep the estimate finite
FEWEST, SHARE = 10, 200  # the share of mistakes is read off the first 10 filings or more, or the first 200th of them
DRAWN = 4_000_000  # pairs of filing and class that mistakes are drawn from, at most


@dataclass(frozen=True)
class Mistakes:
    """How the shop makes mistakes, estimated from all filings.

    Attributes:
        anywhere: share of the filings that are wrong by any other class.
        near: share of the filings that are wrong by a sibling. The confusion of siblings counts too, so it is too high
            rather than too low.
    """

    anywhere: float
    near: float

    @property
    def near_share(self) -> float:
        """How many of the mistakes are between siblings, from 0 to 1."""
        total = self.anywhere + self.near
        return self.near / total if total > 0 else 0.0

    @property
    def weight(self) -> float:
        """The weight of siblings in the ranking.

        The third power makes nothing of a small share, which confusion alone brings about.
        """
        return min(MOST_NEAR, self.near_share**3)


@dataclass(frozen=True)
class Ranking:
    """All filings by how suspicious they are.

    Attributes:
        suspicion: N float64, log odds but for a constant; -inf where a filing cannot be judged.
        listed: how many of the first are worth a look.
        mistakes: how the shop makes them.
    """

    suspicion: Doubles
    listed: int
    mistakes: Mistakes

    @property
    def order(self) -> Integers:
        """The N filings, the most suspicious first."""
        return np.argsort(-self.suspicion, kind="stable")


@dataclass(frozen=True)
class Neighbour:
    """A filing that lies near.

    Attributes:
        filing: its number.
        filed: its class.
        similarity: cosine.
    """

    filing: int
    filed: int
    similarity: float


@dataclass(frozen=True)
class Suspect:
    """A filing that is probably wrong.

    Attributes:
        filing: its number.
        filed: class number.
        proposed: the most probable class of all.
        probabilities: of the two classes by `both`, `image` and `text`; without those that the product lacks.
        neighbours: the nearest first.
        level: of the tree where the two classes part, from 1.
        why: in a sentence.
    """

    filing: int
    filed: int
    proposed: int
    probabilities: Mapping[str, tuple[float, float]]
    neighbours: tuple[Neighbour, ...]
    level: int
    why: str


def rank(probabilities: Floats, filed: Integers, tree: ClassTree, judged: Bools) -> Ranking:
    """Rank filings by how much more probable the class is as a mistake than as the right one.

    Args:
        probabilities: N × C float32, out of sample, rows that add up to 1.
        filed: N class numbers.
        tree: of the C classes, two at least.
        judged: N, whether there is enough to judge a filing by.
    """
    suspicion = np.full(len(filed), -np.inf)
    if not judged.any():
        return Ranking(suspicion, 0, Mistakes(0.0, 0.0))
    of, own = probabilities[judged].astype(np.float64) + LEAST, filed[judged]
    anywhere, near = _kinds(tree)
    mistakes = _estimate(of, own, anywhere, near)
    blended = _blend(anywhere, near, mistakes.weight)
    found = _log_odds(of, blended)[np.arange(len(own)), own]
    suspicion[judged] = found
    drawn = _blend(anywhere, near, min(MOST_NEAR_DRAWN, mistakes.near_share))
    return Ranking(suspicion, _worth(of, own, found, blended, drawn), mistakes)


def _kinds(tree: ClassTree) -> tuple[Doubles, Doubles]:
    """Return for each class how a mistake is spread over the others: anywhere, and over siblings; C × C each.

    A class without siblings has mistakes anywhere.
    """
    anywhere = (1 - np.eye(len(tree))) / max(len(tree) - 1, 1)
    siblings = tree.siblings.astype(np.float64)
    count = siblings.sum(axis=1, keepdims=True)
    return anywhere, np.where(count > 0, siblings / np.maximum(count, 1), anywhere)


def _blend(anywhere: Doubles, near: Doubles, weight: float) -> Doubles:
    blended: Doubles = (1 - weight) * anywhere + weight * near
    return blended


def _log_odds(probabilities: Doubles, mistakes: Doubles) -> Doubles:
    """Return log Σ_c p(c) q(z | c) - log p(z) for each filing and each class z that it might stand under; N × C."""
    odds: Doubles = np.log(probabilities @ mistakes) - np.log(probabilities)
    return odds


def _estimate(probabilities: Doubles, filed: Integers, anywhere: Doubles, near: Doubles) -> Mistakes:
    """Return the shares of both kinds of mistakes with the highest likelihood, by expectation and maximisation."""
    rows = np.arange(len(filed))
    right = probabilities[rows, filed]
    # Siblings count where there are some; a class without has mistakes anywhere alone, or it would count twice.
    has = (near != anywhere).any(axis=1)
    wrong = np.stack([(probabilities @ kind)[rows, filed] for kind in (anywhere, near * has[:, None])])
    shares = np.full(2, START)
    for _ in range(ROUNDS):
        parts = shares[:, None] * wrong
        shares = (parts / ((1 - shares.sum()) * right + parts.sum(axis=0))).mean(axis=1)
    return Mistakes(float(shares[0]), float(shares[1]))


def _worth(probabilities: Doubles, filed: Integers, found: Doubles, blended: Doubles, drawn: Doubles) -> int:
    """Return how many of the most suspicious filings are worth a look.

    Probabilities are out of sample, so it is known how suspicious a filing would be under any other class. Drawn from
    all of these, mistakes have a distribution. If a share of the filings is wrong, at least that share of the drawn
    mistakes' tail must be in the tail of what was found; so the smallest ratio of the tails bounds the share from
    above. The list ends where it wins most: wrong filings in it, as expected, less right ones.
    """
    step = -(-len(filed) * len(drawn) // DRAWN)
    some = slice(None, None, step)
    every = _log_odds(probabilities[some], blended).ravel()
    weight = drawn[filed[some]].ravel() / len(filed[some])
    order = np.argsort(-every, kind="stable")
    reached = np.concatenate([[0.0], np.cumsum(weight[order])])
    ranked = np.sort(-found)
    tail = np.minimum(reached[np.searchsorted(-every[order], ranked, side="right")], 1)
    count = np.arange(1, len(ranked) + 1)
    least = min(max(FEWEST, len(ranked) // SHARE), len(ranked)) - 1
    ratio = count / len(ranked) / np.maximum(tail, LEAST)
    gain = 2 * min(1.0, ratio[least:].min()) * len(ranked) * tail - count
    return int(gain.argmax()) + 1 if gain.max() > 0 else 0


def suspects(
    ranking: Ranking,
    probabilities: Mapping[str, Floats],
    filed: Integers,
    tree: ClassTree,
    *,
    near: tuple[Integers, Floats],
    most: int | None = None,
) -> list[Suspect]:
    """Return the suspects, the most suspicious first.

    A filing whose class is the most probable one is none, whatever its suspicion.

    Args:
        ranking: from `rank`.
        probabilities: `both`, `image` and `text`, each N × C float32, out of sample; a row of NaN where the product
            lacks that.
        filed: N class numbers.
        tree: of the C classes.
        near: N × K filings, the nearest first, -1: there are no more; and N × K float32, their cosines.
        most: how many; None: those that are worth a look.
    """
    of = probabilities[BOTH]
    found: list[Suspect] = []
    for filing in ranking.order[: ranking.listed if most is None else None].tolist():
        if len(found) == most or np.isneginf(ranking.suspicion[filing]):
            break
        own = int(filed[filing])
        proposed = int(of[filing].argmax())
        if proposed == own:
            continue
        told = {
            name: (float(those[filing, own]), float(those[filing, proposed]))
            for name, those in probabilities.items()
            if not np.isnan(those[filing, 0])
        }
        neighbours = tuple(
            Neighbour(other, int(filed[other]), float(cosine))
            for other, cosine in zip(*(each[filing].tolist() for each in near), strict=True)
            if other >= 0
        )
        level = parting(tree, own, proposed)
        why = _why(tree, own, proposed, told, neighbours)
        found.append(Suspect(filing, own, proposed, told, neighbours, level, why))
    return found


def parting(tree: ClassTree, first: int, second: int) -> int:
    """Return the level, from 1, on which the paths of two different classes part, or one ends and the other goes on."""
    level = 0
    for one, other in zip(tree.paths[first], tree.paths[second], strict=False):
        if one != other:
            break
        level += 1
    return level + 1


def _why(
    tree: ClassTree,
    filed: int,
    proposed: int,
    told: Mapping[str, tuple[float, float]],
    neighbours: tuple[Neighbour, ...],
) -> str:
    """Say in a sentence what speaks for the proposed class, and what for the filed one."""
    parts = []
    speaks: dict[bool, list[str]] = {True: [], False: []}
    for kind, word in ((IMAGE, "its picture"), (TEXT, "its name")):
        if kind in told:
            own, other = told[kind]
            speaks[other > own].append(f"{word} ({other:.0%} against {own:.0%})")
    for agrees, verb in ((True, f"say {_last(tree, proposed, filed)}"), (False, "speak against it")):
        if speaks[agrees]:
            first, _, rest = verb.partition(" ")
            several = len(speaks[agrees]) > 1
            parts.append(f"{' and '.join(speaks[agrees])} {first}{'' if several else 's'} {rest}")
    if neighbours:
        as_proposed, as_filed = (sum(one.filed == number for one in neighbours) for number in (proposed, filed))
        parts.append(
            f"of the {len(neighbours)} products nearest to it, {as_proposed or 'none'} "
            f"{'is' if as_proposed < 2 else 'are'} there and {as_filed or 'none'} where it is filed"
        )
    sentence = "; ".join(parts)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _last(tree: ClassTree, number: int, other: int) -> str:
    """Return a class by its last level, or by more of it where the other class ends alike."""
    path, beside = tree.paths[number], tree.paths[other]
    return path[-1] if path[-1] != beside[-1] else " › ".join(path)
