import errno

import pytest

from huse.errors import said_of_system


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "x", "a.npy"),
            "a.npy: No space left on device. Make room on the disk, and run it again.",
        ),
        (PermissionError(errno.EACCES, "x", "data"), "data: Permission denied. Allow this user to read and write it"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "No space left on device. Make room"),
        (FileNotFoundError(errno.ENOENT, "x", "a"), None),
        (ValueError("28"), None),
    ],
)
def test_errors_of_the_system_are_said_with_a_remedy(error, said):
    found = said_of_system(error)
    assert found is None if said is None else found.startswith(said)
