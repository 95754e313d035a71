"""The one kind of error that a person can mend: wrong input."""


class InputError(Exception):
    """Something given from outside does not fit.

    The message names the file, row or parameter, says what was expected and what was found, and what
    to do about it. A stage prints it without a traceback and ends with exit code 2.
    """
