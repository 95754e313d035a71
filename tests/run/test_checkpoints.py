import multiprocessing
import os
import signal

import pytest
import torch

from huse.errors import InputError
from huse.run import checkpoints
from huse.run.checkpoints import Checkpoint, fingerprint_code

DECIDES = {"seed": 1, "params": {"rate": 0.1}}
CODE = ("huse/errors.py",)
TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "step": torch.tensor(7), "state": torch.get_rng_state()}


def test_what_was_saved_is_loaded(tmp_path):
    with Checkpoint(tmp_path / "some" / "folder", DECIDES, CODE) as checkpoint:
        assert checkpoint.load() is None
        checkpoint.save(TENSORS, {"step": 3, "curves": [{"loss": 0.1}]})
        checkpoint.save(TENSORS, {"step": 4, "curves": [{"loss": 0.1}]})
    with Checkpoint(tmp_path / "some" / "folder", DECIDES, CODE) as checkpoint:
        tensors, state = checkpoint.load()
    assert state == {"step": 4, "curves": [{"loss": 0.1}]}
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_tensors_of_any_layout_and_with_shared_memory(tmp_path):
    whole = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    tensors = {"whole": whole, "part": whole[0], "turned": whole.permute(3, 2, 1, 0)}
    with Checkpoint(tmp_path, DECIDES, CODE) as checkpoint:
        checkpoint.save(tensors, {})
        loaded, _ = checkpoint.load()
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)


@pytest.fixture
def saved(tmp_path):
    """A checkpoint inside its block, with a state."""
    with Checkpoint(tmp_path, DECIDES, CODE) as checkpoint:
        checkpoint.save(TENSORS, {})
        yield checkpoint


@pytest.mark.parametrize("other", [{"seed": 2, "params": {"rate": 0.1}}, {"seed": 1, "params": {"rate": 0.2}}])
def test_the_state_of_another_run_is_never_found(saved, tmp_path, other):
    with Checkpoint(tmp_path, other, CODE) as checkpoint:
        assert checkpoint.load() is None


def test_the_state_of_other_code_is_never_found(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "ROOT", tmp_path)
    (tmp_path / "huse/model").mkdir(parents=True)
    module, room = tmp_path / "huse/errors.py", tmp_path / "huse/model/one.py"
    module.write_text("1")
    room.write_text("1")
    code = ("huse/model", "huse/errors.py")
    with Checkpoint(tmp_path, DECIDES, code) as checkpoint:
        checkpoint.save(TENSORS, {})
    before = fingerprint_code(code)
    for edited in (module, room):
        edited.write_text("2")
        with Checkpoint(tmp_path, DECIDES, code) as checkpoint:
            assert checkpoint.load() is None
        edited.write_text("1")
    (tmp_path / "huse/model/notes.txt").write_text("no code")
    assert fingerprint_code(code) == before
    with Checkpoint(tmp_path, DECIDES, code) as checkpoint:
        assert checkpoint.load() is not None
    room.rename(room.with_name("two.py"))
    assert fingerprint_code(code) != before


@pytest.mark.parametrize("content", [b"", b"no safetensors", None])
def test_a_damaged_state_is_as_good_as_none(saved, content):
    saved.path.write_bytes(saved.path.read_bytes()[:-5] if content is None else content)
    assert saved.load() is None


def test_removed(saved):
    saved.remove()
    saved.remove()
    assert saved.load() is None


def test_a_second_process_on_the_same_run_is_refused(tmp_path):
    with Checkpoint(tmp_path, DECIDES, CODE):
        with pytest.raises(InputError, match="another process trains with these parameters"):
            Checkpoint(tmp_path, DECIDES, CODE).__enter__()
        with Checkpoint(tmp_path, {"seed": 2}, CODE):
            pass
    with Checkpoint(tmp_path, DECIDES, CODE):
        pass


def save_and_die(folder):
    with Checkpoint(folder, DECIDES, CODE) as checkpoint:
        checkpoint.save(TENSORS, {"step": 1})
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_holds_no_lock(tmp_path):
    process = multiprocessing.get_context("spawn").Process(target=save_and_die, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with Checkpoint(tmp_path, DECIDES, CODE) as checkpoint:
        assert checkpoint.load()[1] == {"step": 1}
