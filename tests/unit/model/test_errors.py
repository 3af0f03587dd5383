"""An error that Flocker means says one sentence."""

from attrs import frozen

from flocker.model.errors import FlockerError


@frozen
class Broken(FlockerError):
    """Something is broken."""

    what: str

    def words(self) -> str:
        """Name it."""
        return f"{self.what} is broken"


def test_sentence():
    """`str` of an error is its sentence."""
    assert str(Broken("it")) == "it is broken"


def test_without_words():
    """One without words of its own has its name at least."""
    assert str(FlockerError()) == "FlockerError"
