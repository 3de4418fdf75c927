"""The one exception for what a user can mend."""


class UserError(Exception):
    """Something the user gave is wrong; the message is the one line that they see.

    It names the file, the row or the key, says what was expected and what came. The commands print it
    without a traceback and end with exit code 2. Anything that is not a `UserError` is a fault of kmlc's
    own and keeps its traceback.
    """
