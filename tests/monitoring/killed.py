"""Work on the database that is killed at one of its statements."""

from contextlib import contextmanager

from django.db import connection


class Killed(BaseException):
    """Nobody catches it: what was not committed is lost, as it is with the process."""


@contextmanager
def killed_at(number):
    """What runs inside ends at its statement of that number, counted from 0, if it comes to it."""
    count = 0

    def statement(execute, *args):
        nonlocal count
        # Without these the database does what it does when the process has gone: it rolls back.
        if not args[0].startswith(("ROLLBACK", "RELEASE", "SAVEPOINT")):
            if count == number:
                raise Killed
            count += 1
        return execute(*args)

    try:
        with connection.execute_wrapper(statement):
            yield
    except Killed:
        pass
