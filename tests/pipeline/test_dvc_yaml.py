"""dvc.yaml against the code: every stage depends on exactly the rooms that it enters."""

import hashlib
import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from huse.run import paths
from huse.run.params.reader import read_yaml
from tests.closure import ROOT, code_of

STAGES = read_yaml(ROOT / "dvc.yaml")["stages"]


# Paths that are no artefact of a stage: its parameters, and what it may find or not and makes the same of.
OTHER_PATHS = {"PARAMS", "MAP", "LOCK", "GATE", "TUNING", "IMPORTED", "INDEX"}
OTHER_PATHS |= {"CACHE", "WORD_CACHE", "VECTOR_CACHE", "TEXT_VECTOR_CACHE", "FINGERPRINTS", "CHECKPOINTS", "COMPARISON"}


def names(entries):
    """Paths of outs or metrics, whether written plain or with options."""
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def outputs(stage):
    """Paths of all outputs of a stage."""
    return [name for kind in ("outs", "metrics", "plots") for name in names(stage.get(kind, []))]


MADE = [name for stage in STAGES.values() for name in outputs(stage)]


def is_code(dep):
    """Whether a dependency is code of the project."""
    return dep.split("/")[0] in ("huse", "stages", "sample") and (ROOT / dep).exists()


@pytest.mark.parametrize("stage", STAGES)
def test_code_dependencies_are_the_rooms_that_the_stage_enters(stage):
    listed = {Path(dep) for dep in STAGES[stage]["deps"] if is_code(dep)}
    assert listed == code_of(stage)


@pytest.mark.parametrize("stage", ["train", "finetune_backbone"])
def test_a_state_is_kept_for_the_code_of_its_stage(stage):
    """A killed run that is started again after an edit begins anew."""
    code = import_module(f"stages.{stage}").CODE
    assert {Path(name) for name in code} == code_of(stage)


@pytest.mark.parametrize("stage", sorted(set(STAGES) - {"evaluate", "report", "model"}))
def test_an_edit_of_what_comes_after_training_retrains_nothing(stage):
    after = {Path("huse", room) for room in ("evaluation", "report", "experiments", "commands")}
    assert not code_of(stage) & after


def test_training_is_given_arrays():
    """An edit of what reads the catalogue, its names or its pictures retrains nothing by itself."""
    assert not code_of("train") & {Path("huse", room) for room in ("catalogue", "text", "vision")}


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_run_as_a_module_and_described(stage):
    # As a script, an editable installation would import the package from elsewhere in queued experiments.
    assert STAGES[stage]["cmd"] == f"python -m stages.{stage}"
    assert STAGES[stage]["desc"]


def test_every_script_is_a_stage():
    scripts = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__", "runner"}
    assert scripts == set(STAGES)


def test_every_artefact_is_an_output_of_one_stage():
    assert len(MADE) == len(set(MADE))
    every = {str(value) for name, value in vars(paths).items() if isinstance(value, Path) and name not in OTHER_PATHS}
    assert every <= set(MADE)


def test_no_output_switches_the_run_cache_off():
    for stage in STAGES.values():
        for entry in stage.get("outs", []):
            assert not isinstance(entry, dict), f"{entry}: cache: false or persist: true under outs"


def test_data_dependencies_are_made_by_another_stage_or_named_by_a_parameter():
    for stage in STAGES.values():
        for dep in stage["deps"]:
            assert is_code(dep) or dep.startswith("${") or dep in MADE, dep


def script(stage):
    return (ROOT / "stages" / f"{stage}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_are_those_that_the_stage_reads(stage):
    read = set(re.findall(r'here\.section\(\w+, "(\w+)"\)', script(stage)))
    read |= {"seed"} if "here.seed()" in script(stage) else set()
    if "read_yaml(here / paths.PARAMS)" in script(stage):  # the whole file
        assert STAGES[stage]["params"] == [{"params.yaml": None}]
        return
    listed = {name.split(".")[0] for name in STAGES[stage].get("params", [])}
    assert read - listed <= {"machine"}  # who does the work: of it only the device changes bytes, by rounding
    assert listed <= read
    computes = bool(re.search(r"resolve_device\([^)]*machine", script(stage)))
    assert computes == ("machine.device" in STAGES[stage].get("params", []))


@pytest.mark.parametrize("stage", STAGES)
def test_artefacts_are_those_that_the_stage_names(stage):
    # the class paths are the tree, unless the parameter names another
    deps = [str(paths.CLASSES) if dep == "${evaluate.tree}" else dep for dep in STAGES[stage]["deps"]]
    read = {dep for dep in deps if dep.startswith(("data/", "metrics/"))}
    listed = {*outputs(STAGES[stage]), *read}
    described = r"manifest_path\(here / paths\.([A-Z_]+)\)"  # of these the stage reads the manifest alone
    text = script(stage)
    for module in ("fitting", "baselines", "relations"):  # which read artefacts themselves
        if f"huse.run.{module}" in text:
            text += (ROOT / f"huse/run/{module}.py").read_text(encoding="utf-8")
    named = {
        str(getattr(paths, name))
        for name in set(re.findall(r"\b[A-Z][A-Z_]+\b", re.sub(described, "", text))) - OTHER_PATHS
        if hasattr(paths, name)
    }
    manifests = {path.replace(".npy", ".json") for path in named} & listed
    manifests |= {str(getattr(paths, name).with_suffix(".json")) for name in re.findall(described, text)}
    assert listed == named | manifests
    # a stage that reads vectors reads their manifest too
    for path in read:
        if path.startswith(("data/vectors/", "data/embeddings/")):
            assert path.rpartition(".")[0] + ".json" in listed


def dvc_digest(path):
    """What dvc.lock knows a file or a folder by; byte code is left out, as .dvcignore says."""
    if path.is_file():
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    files = sorted((file.relative_to(path), file) for file in path.rglob("*") if file.is_file())
    entries = [
        {"md5": dvc_digest(file), "relpath": relative.as_posix()}
        for relative, file in files
        if "__pycache__" not in relative.parts
    ]
    listed = json.dumps(sorted(entries, key=lambda entry: tuple(entry["relpath"].split("/"))), sort_keys=True)
    return hashlib.md5(listed.encode(), usedforsecurity=False).hexdigest() + ".dir"


def test_the_lock_is_of_this_code_and_these_parameters():
    """Whoever changes code or parameters runs `make repro` (or `dvc commit --force STAGE`) and commits dvc.lock."""
    locked = read_yaml(ROOT / "dvc.lock")["stages"]
    assert set(locked) == set(STAGES)
    params = read_yaml(ROOT / "params.yaml")
    for name, stage in locked.items():
        for dep in stage.get("deps", []):
            if is_code(dep["path"]):
                assert dep["md5"] == dvc_digest(ROOT / dep["path"]), f"{name}: {dep['path']}"
        for key, value in stage.get("params", {}).get("params.yaml", {}).items():
            current = params
            for part in key.split("."):
                current = current[part]
            assert current == value, f"{name}: {key}"
