"""The workflows of continuous integration against the Makefile: every step is one of its targets, and runs dry here."""

import os
import re
import shutil
import subprocess

import pytest

from huse.run.params.reader import read_yaml
from tests.conftest import ROOT
from tests.docs.test_lock import VERSIONS

WORKFLOWS = {path.stem: read_yaml(path) for path in sorted((ROOT / ".github/workflows").glob("*.yml"))}
JOBS = [(name, job) for name, workflow in WORKFLOWS.items() for job in workflow["jobs"]]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PHONY = set(re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split())
WRITES = {("pull-request", "comment"): {"contents": "read", "pull-requests": "write"}}


def steps(workflow, job):
    return WORKFLOWS[workflow]["jobs"][job]["steps"]


def commands(workflow, job):
    return [step["run"] for step in steps(workflow, job) if "run" in step]


@pytest.mark.parametrize("target", sorted({command for each in JOBS for command in commands(*each)}))
def test_every_command_is_a_target_that_runs_dry(target):
    assert re.fullmatch(r"make ([a-z-]+)", target)[1] in PHONY
    environment = {**os.environ, "MAKEFLAGS": ""}
    assert subprocess.check_output([*target.split(), "--dry-run"], cwd=ROOT, env=environment).strip()


def test_a_change_passes_all_that_it_must_in_this_order():
    code = ["make lint", "make lock-check", "make audit", "make text", "make vision", "make test", "make test-slow"]
    assert commands("pull-request", "code") == code
    expected = ["make repro", "make repro-twice", "make diff", "make gate", "make summary"]
    assert commands("pull-request", "metrics") == expected
    always = {step["run"]: step.get("if") for step in steps("pull-request", "metrics") if "run" in step}
    assert [command for command, when in always.items() if when] == ["make summary"]
    assert "pull_request" in WORKFLOWS["pull-request"]["on"]
    assert "pull_request_target" not in WORKFLOWS["pull-request"]["on"]  # it would run a fork's code with our token


def test_a_change_is_tested_with_every_python_that_the_project_allows():
    job = WORKFLOWS["pull-request"]["jobs"]["code"]
    assert job["strategy"]["matrix"]["python"] == VERSIONS
    (python,) = (step for step in steps("pull-request", "code") if "setup-python" in step.get("uses", ""))
    assert python["with"]["python-version"] == "${{ matrix.python }}"


def test_a_pin_is_a_commit_says_its_version_and_is_the_same_everywhere():
    pins = {}
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        for line in re.findall(r"uses: .+", path.read_text(encoding="utf-8")):
            pin = re.fullmatch(r"uses: (actions/[a-z-]+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)", line)
            assert pins.setdefault(pin[1], pin[2]) == pin[2]


@pytest.mark.parametrize(("workflow", "job"), JOBS)
def test_permissions_are_the_least(workflow, job):
    assert WORKFLOWS[workflow]["permissions"] == {"contents": "read"}
    content = WORKFLOWS[workflow]["jobs"][job]
    assert content.get("permissions", {"contents": "read"}) == WRITES.get((workflow, job), {"contents": "read"})
    assert content["timeout-minutes"] <= 60
    assert "secrets." not in str(content)
    for step in steps(workflow, job):  # what people write reaches a command as a variable of the environment alone
        assert "${{" not in step.get("run", "")
        if "actions/checkout@" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_the_gate_sees_the_whole_history_and_the_comment_runs_no_code_of_the_change():
    checkout = steps("pull-request", "metrics")[0]
    assert checkout["with"]["fetch-depth"] == 0
    comment = WORKFLOWS["pull-request"]["jobs"]["comment"]
    assert "head.repo.full_name == github.repository" in comment["if"]
    assert "pull_request.base.sha" in comment["steps"][0]["with"]["ref"]
    assert comment["needs"] == "metrics"


def test_caches_are_keyed_by_what_they_depend_on():
    keys = {
        step["with"]["path"]: step["with"]["key"]
        for workflow, job in JOBS
        for step in steps(workflow, job)
        if step.get("uses", "").startswith("actions/cache@")
    }
    environment, data = keys[".venv"], keys[".dvc/cache\ndata/cache\n"]
    for part in ("runner.os", "steps.python.outputs.python-version", "requirements.lock", "pyproject.toml"):
        assert part in environment
    for part in ("runner.os", "requirements.lock", "dvc.lock"):
        assert part in data


def test_every_target_of_the_makefile_is_phony_and_described():
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert targets == PHONY
    for target in targets:
        assert re.search(rf"^{target}:.*##", MAKEFILE, re.MULTILINE), target
    told = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert {line.split(" ")[0] for line in told.splitlines()} == targets


def test_what_continuous_integration_runs_is_the_fast_tests_and_then_the_others():
    script = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert [line for line in script if line.startswith("make ")] == ["make test", "make test-slow"]
    assert re.search(r"^test-all: test test-slow ", MAKEFILE, re.MULTILINE)
    marks = re.findall(r"pytest --numprocesses 2 -m (.+)$", MAKEFILE, re.MULTILINE)
    assert marks == ["'not slow'", "slow", "faults"]


@pytest.mark.parametrize(
    ("pythons", "arguments", "said"),
    [
        ({"python3.13": 127, "python3.12": 0, "python3.11": 0}, (), "python3.12 -m venv .venv"),
        ({"python3.13": 0}, ("PYTHON=mine",), "mine -m venv .venv"),
        ({"python3.13": 127}, (), "|| false -c 'import sys"),
    ],
    ids=["the newest that works", "one that is named", "none that works"],
)
def test_the_python_that_the_environment_is_made_with(tmp_path, pythons, arguments, said):
    """In a folder without .venv, where the PATH has only these Pythons, which end with these codes."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for tool in ("sh", "make"):
        (folder / tool).symlink_to(shutil.which(tool))
    for name, code in pythons.items():
        (folder / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (folder / name).chmod(0o755)
    command = ["make", "--dry-run", ".venv/.installed", *arguments]
    made = subprocess.run(command, cwd=tmp_path, env={"PATH": str(folder)}, capture_output=True, text=True, check=True)
    assert said in made.stdout
