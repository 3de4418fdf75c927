"""The exceptions for errors that the user can fix, and what tells an interrupt from other errors."""


class UserError(Exception):
    """Wrong input of the user; the message is the one line that they see.

    It names the file, the row or the key, says what was expected and what was given. The commands print it
    without a traceback and end with exit code 2. Any other exception is a bug in kmlc and
    keeps its traceback.
    """


class WriteError(UserError):
    """A file that could not be written, for example because the disk is full, read-only or not permitted."""


def reason_of(error: Exception) -> str:
    """Return what an error says, on one line; of an error of the system without its number and file."""
    return " ".join(str(getattr(error, "strerror", None) or error).split())


def was_interrupt(error: BaseException) -> bool:
    """Return whether an exception is, or has replaced, a KeyboardInterrupt.

    Ctrl-C may come anywhere. Python wraps it while it makes a class, and TensorFlow's context managers raise
    an error of their own when it leaves them half-entered.
    """
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        if isinstance(each, KeyboardInterrupt):
            return True
        seen.add(id(each))
        each = each.__cause__ or each.__context__
    return False
