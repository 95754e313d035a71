import errno
import sqlite3
import subprocess
import sys

import pytest

from huse.errors import for_terminal, said_of_system


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "x", "a.npy"),
            "a.npy: No space left on device. Make room on the disk, and run it again.",
        ),
        (PermissionError(errno.EACCES, "x", "data"), "data: Permission denied. Allow this user to read and write it"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "No space left on device. Make room"),
        (
            PermissionError(
                errno.EACCES, "Failed to open local file 'a.parquet'. Detail: [errno 13] Permission denied"
            ),
            "a.parquet: Permission denied.",
        ),
        (sqlite3.OperationalError("database or disk is full"), "No space left on device. Make room"),
        (sqlite3.OperationalError("disk I/O error"), "Input/output error. Look whether the disk is full"),
        (sqlite3.OperationalError("no such table: x"), None),
        (
            MemoryError("Unable to allocate 3 TiB for an array"),
            "Unable to allocate 3 TiB for an array. Lower batch_size",
        ),
        (MemoryError(), "the memory is used up. Lower batch_size"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes.\nAt:"), "[enforce fail]"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "libtorch_cpu.so: failed to map"),
        (FileExistsError(errno.EEXIST, "x", "a.md"), "a.md: File exists. Move the file that stands where a folder is"),
        (NotADirectoryError(errno.ENOTDIR, "x", "a.md/b"), "a.md/b: Not a directory. Move the file"),
        (FileNotFoundError(errno.ENOENT, "x", "a"), None),
        (OSError(errno.ENAMETOOLONG, "x", "a"), "a: File name too long. Give a shorter name, and run it again."),
        (
            OSError(errno.EBUSY, "x", "data/model", None, "data/.partial-old-model"),
            "data/model: Device or resource busy. If it is a mount point, mount the folder above it instead; else end",
        ),
        (ValueError("28"), None),
    ],
)
def test_errors_of_the_system_are_said_with_a_remedy(error, said):
    found = said_of_system(error)
    assert found is None if said is None else found.startswith(said)


def test_a_message_steers_no_terminal_and_has_an_end():
    assert (
        for_terminal("a.csv: found \x1b[2J\u202eabc\r.\nGröße, 帽子")
        == r"a.csv: found \x1b[2J\u202eabc\r." + "\nGröße, 帽子"
    )
    joined = "می\u200cخواهم, क्\u200dष, 👨\u200d👩\u200d👧"
    assert for_terminal(joined) == joined
    cut = for_terminal("a.csv: " + "x" * 100_000 + ". Give another.")
    assert cut.startswith("a.csv: x") and cut.endswith("x. Give another.") and len(cut) < 2100


def test_what_is_logged_steers_no_terminal_either():
    code = "import logging; from huse.errors import log_to_terminal as log; log(); logging.info('%s', 'a\x1b[2Jb\\nc')"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (said.stdout, said.stderr) == ("", "a\\x1b[2Jb\nc\n")
