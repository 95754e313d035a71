import subprocess
import sys

import pytest

from huse.engine.processes import end_with_who_set
from tests.repository import wait_until

CHILD = """
import pathlib, signal, sys, time
from huse.engine.processes import end_with_who_set

def end(number, frame):
    pathlib.Path(sys.argv[1]).write_text("told")
    sys.exit()

signal.signal(signal.SIGTERM, end)
end_with_who_set("WHO")
print("ready", flush=True)
time.sleep(60)
"""
# A shell stays between it and the child, to which it gives the variable.
PARENT = """
import os, subprocess, sys
command = ["sh", "-c", '"$@"; exit', "sh", sys.executable, "-c", *sys.argv[1:]]
subprocess.run(command, env={**os.environ, "WHO": "me"})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no sh")
@pytest.mark.parametrize("before", ["", "import os; del os.pidfd_open"], ids=["told by Linux", "looks itself"])
def test_a_process_ends_with_who_set_the_variable_and_not_with_the_shell_between(tmp_path, before):
    place = tmp_path / "told"
    with subprocess.Popen([sys.executable, "-c", PARENT, before + CHILD, str(place)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"ready\n"
        parent.kill()
        wait_until(place.exists, "the child is told")


def test_a_variable_that_is_not_set_has_no_effect(monkeypatch):
    monkeypatch.delenv("WHO", raising=False)
    end_with_who_set("WHO")
