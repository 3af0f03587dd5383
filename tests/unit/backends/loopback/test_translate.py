"""Names of files to volumes and back."""

import os
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.backends.loopback.translate import (
    FORMAT,
    ForeignDirectory,
    check_format,
    format_text,
    is_instance_name,
    is_local,
    new_file,
    parse_file_name,
)
from flocker.model.ids import DatasetID, Life


@given(st.uuids(), st.uuids())
def test_there_and_back(unique, dataset):
    """The name of a file says again what it was made of."""
    file = new_file(unique, DatasetID(dataset))
    assert file.volume == f"block-{unique}"
    assert parse_file_name(file.name) == file
    marked = new_file(unique, DatasetID(dataset), Life(unique))
    assert parse_file_name(marked.name) == marked
    assert marked != file


@pytest.mark.parametrize(
    "name",
    [
        "",
        "lost+found",
        ".creating-00000000-0000-4000-8000-000000000000",
        "block-00000000-0000-4000-8000-000000000000",
        "block-00000000-0000-4000-8000-000000000000_67108864",
        f"block-{UUID(int=1)}_{UUID(int=2)}.old",
    ],
)
def test_no_volume(name):
    """Any other file is no volume."""
    assert parse_file_name(name) is None


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("3d1219c7c4c5404aaa1f6d2a48adfda4", True),
        ("node-1.example:2", True),
        ("", False),
        (".", False),
        ("..", False),
        ("a/b", False),
        ("a\n", False),
        ("a" * 201, False),
    ],
)
def test_instance_names(name, fits):
    """An instance is a directory's name, so not every text will do."""
    assert is_instance_name(name) is fits


def test_format():
    """What we write we accept."""
    check_format("format.json", format_text())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not JSON"),
        ("[]", "does not say"),
        ("{}", "does not say"),
        ('{"format": "1"}', "does not say"),
        ('{"format": true}', "does not say"),
        ('{"format": 0}', "does not say"),
        (f'{{"format": {FORMAT + 1}}}', f"format {FORMAT + 1}"),
    ],
)
def test_foreign_format(text, why):
    """A directory of another or newer make is refused, with the file's name."""
    with pytest.raises(ForeignDirectory, match=f"/x/format.json: .*{why}"):
        check_format("/x/format.json", text)


MOUNTINFO = """\
21 20 254:0 / / rw,relatime - ext4 /dev/vda rw
30 21 0:40 / /nfs rw,relatime shared:5 - nfs4 server:/export rw
31 21 0:41 / /run rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("device", "local"),
    [((254, 0), True), ((0, 40), False), ((0, 41), True), ((8, 1), False)],
)
def test_local(device, local):
    """A filesystem counts as local if its kind is known to be, and only then."""
    assert is_local(MOUNTINFO, os.makedev(*device)) is local
