"""Trains the small world in shards, as one of several processes; what `test_shards` starts.

Arguments: a folder, the save at which a run is killed (0: never), and the cases. In the folder the first process writes
a digest of each case's result, and the state of a run that was killed.
"""

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

import torch

from huse.engine.group import joined
from huse.engine.threads import same_threads
from huse.engine.torch_state import fingerprint, random_state
from huse.errors import InputError, in_one_line
from huse.model.methods import METHODS, find_method
from huse.run.checkpoints import Checkpoint
from huse.training import loop
from huse.training.loop import LoopSettings, train
from tests.training.conftest import LOSSES, make_data, make_halves, make_network

SHORT = LoopSettings(learning_rate=0.003, batch_size=32, steps=12, validate_every=6, shards=4)
UNEVEN = SHORT.changed(batch_size=31)  # shards of 7 and 8 products
MUCH = {"mixup": 0.3, "ema": 0.9, "sampler": "balanced", "warm_up": 3, "optimizer": "rmsprop_tf"}
CASES = {
    **{method: {} for method in METHODS},
    **{f"{method} of halves": {"halves": True, "settings": UNEVEN} for method in METHODS},
    "much": {"method": "huse_plus", "settings": UNEVEN.changed(**MUCH), "class_pull": 0.4, "scale": "learned"},
    "bfloat16": {"method": "huse_plus", "settings": UNEVEN.changed(dtype="bfloat16")},
    "bfloat16 of pairs": {"method": "adamine", "settings": SHORT.changed(dtype="bfloat16", sampler="pairs")},
    "linear": {"method": "hie", "settings": SHORT.changed(optimizer="rmsprop"), "head": "linear"},
    "more shards than products": {"settings": SHORT.changed(batch_size=200, shards=100)},
}


class Killed(Checkpoint):
    """Ends the run at the n-th save; 0: never."""

    number = 0

    def save(self, tensors, state):
        super().save(tensors, state)
        digest = fingerprint(tensors)
        (self.path.parent / "saved.txt").write_text(digest)
        self.number -= 1
        if self.number == 0:
            raise InputError("killed")


def digest_of(case, group, folder, killed_at=0):
    """Train, and return a digest of all that comes of it."""
    about = dict(CASES[case])
    method = find_method(about.pop("method", case.split()[0] if case.split()[0] in METHODS else "huse"))
    data = make_halves() if about.pop("halves", False) else make_data()
    settings = about.pop("settings", SHORT)
    head = {"head": "linear"} if method.linear_head_only else {}
    network = make_network(1, separate_heads=method.head == "separate", **head, **about)
    if method.head in ("label_vectors", "class_means"):
        network.fix_head(data.classes.vectors)
    with Checkpoint(folder, {"case": case, "rank": group.rank}, ()):
        checkpoint = Killed(folder, {"case": case}, ())
        checkpoint.number = killed_at
        trained = train(network, data, method, LOSSES, settings, seed=1, checkpoint=checkpoint, group=group)
    state = {**network.state_dict(), **random_state(torch.device("cpu"))}
    saved = (folder / "saved.txt").read_text() if group.leads and (folder / "saved.txt").exists() else ""
    return hashlib.sha256(json.dumps([fingerprint(state), trained.curves, saved]).encode()).hexdigest()


def main(folder, killed_at, *cases):
    """Train all cases, and fail where one asks for it."""
    loop.CHECKPOINT_SECONDS = -1.0 if killed_at else 1e9
    with in_one_line(), joined(torch.device("cpu")) as group, same_threads():
        for case in cases:
            if case == "refuse" and group.rank == 1:
                raise InputError("process 1 cannot read this")
            if case == "break" and group.rank == 1:
                raise RuntimeError("process 1 has a fault")
            if case == "die" and group.rank == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            if case == "differ":
                group.agree(str(group.rank), "they differ.")
            if case in ("refuse", "break", "die"):
                group.share(None)
                continue
            found = digest_of(case, group, folder, killed_at)
            if group.leads:
                (folder / f"{case}.txt").write_text(found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
