"""Damaged models: each is refused with a reason, or was not changed where it matters."""

import json
import shutil

import numpy as np
import pytest

import huse
from huse.errors import InputError
from tests.faults import damage, many
from tests.use.test_model import make

pytestmark = [pytest.mark.slow, pytest.mark.faults]

MUTANTS = many(60, 1200)
CONFIG = "config.json"


def test_no_changed_file_is_accepted(tmp_path, tally):
    """Files have their SHA-256 in the config, and the config its own: of that, white space alone may change."""
    sound, copy = tmp_path / "sound", tmp_path / "copy"
    sound.mkdir()
    make().save(sound)
    shutil.copytree(sound, copy)
    config = json.loads((sound / CONFIG).read_text())
    files = sorted(path.relative_to(sound) for path in sound.rglob("*") if path.is_file() and path.name != "README.md")
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(MUTANTS):
        file = files[rng.integers(len(files))]
        content = (sound / file).read_bytes()
        changed = damage(content, rng)
        (copy / file).write_bytes(changed)
        try:
            huse.load(copy)
        except InputError as error:
            assert str(error)
            refused += 1
        else:
            assert changed == content or (str(file) == CONFIG and json.loads(changed) == config), file
        (copy / file).write_bytes(content)
    assert refused > MUTANTS / 2
    huse.load(copy)
    tally("damaged folder of a model", "refused with a reason", refused)
    tally("damaged folder of a model", "loaded: the damage undid itself, or changed white space", MUTANTS - refused)
