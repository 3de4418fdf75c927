"""The one exception for errors that the user can fix."""


class UserError(Exception):
    """Wrong input of the user; the message is the one line that they see.

    It names the file, the row or the key, says what was expected and what was given. The commands print it
    without a traceback and end with exit code 2. Any other exception is a bug in kmlc and
    keeps its traceback.
    """
