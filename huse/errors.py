"""The one kind of error that a user can fix: wrong input."""


class InputError(Exception):
    """Input is wrong.

    The message names the file, row or parameter, says what was expected and what was found, and what
    to do about it. A stage prints it without a traceback and ends with exit code 2.
    """
