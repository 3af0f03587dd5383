"""The root of every error that Flocker means: a class with fields and one sentence.

Anything else that is raised is a fault of ours. Which HTTP status a domain error
gets stands in one table, `flocker.restapi.errors`.
"""


class FlockerError(Exception):
    """Something a user can understand went wrong; `str()` is one sentence saying what.

    Subclasses are ``attrs.frozen`` with the fields that name the situation, and say
    it in `words`.
    """

    def words(self) -> str:
        """Say what is wrong, and where, in one sentence without a full stop."""
        return type(self).__name__

    def __str__(self) -> str:
        return self.words()
