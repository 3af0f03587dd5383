"""What ZFS says becomes values, and what a filesystem is follows from them."""

import pytest
from attrs import evolve

from flocker.backends.zfs.translate import (
    Filesystem,
    explain,
    name_in,
    parse_estimate,
    parse_filesystems,
    parse_pairs,
    parse_properties,
    says_busy,
    says_full,
    says_gone,
    says_missing,
    says_no_tag,
    says_tag_there,
    says_unready,
    seen,
    was_written,
)

COPY = "tank/flocker/copies/7a0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"

# As zfs-fuse 0.7 wrote it.
OLD = f"""\
{COPY}	type	filesystem	-
{COPY}	guid	10282039173159196591	-
{COPY}	used	118784	-
{COPY}	referenced	114688	-
{COPY}	available	494059520	-
{COPY}	origin	tank/flocker/copies/other@s1	-
{COPY}	readonly	off	local
{COPY}	reservation	0	default
{COPY}	refquota	8388608	local
{COPY}	userrefs	-	-
{COPY}	mountpoint	none	inherited from tank/flocker
{COPY}	flocker:format	1	inherited from tank/flocker
{COPY}	flocker:record	{{"a": "b  c"}}	local
{COPY}	flocker:holds	-	-
{COPY}	flocker:fresh	yes	local
{COPY}@s1	type	snapshot	-
{COPY}@s1	guid	18045356022991673458	-
{COPY}@s1	used	0	-
{COPY}@s1	referenced	118784	-
{COPY}@s1	available	-	-
{COPY}@s1	origin	-	-
{COPY}@s1	readonly	-	-
{COPY}@s1	reservation	-	-
{COPY}@s1	refquota	-	-
{COPY}@s1	userrefs	1	-
{COPY}@s1	mountpoint	-	-
{COPY}@s1	flocker:format	1	inherited from tank/flocker
{COPY}@s1	flocker:record	{{"a": "b  c"}}	inherited from {COPY}
{COPY}@s1	flocker:holds	backup move-7	local
{COPY}@s1	flocker:fresh	yes	inherited from {COPY}
"""


def of(text: str) -> tuple[Filesystem, Filesystem]:
    live, snapshot = parse_filesystems(text)
    return live, snapshot


def test_filesystem():
    """Only what was set on a filesystem itself is its own."""
    live, _ = of(OLD)
    assert (live.name, live.is_snapshot, live.read_only) == (COPY, False, False)
    assert (live.quota, live.referenced, live.used) == (8388608, 114688, 118784)
    assert (live.origin, live.mountpoint) == ("tank/flocker/copies/other@s1", "none")
    assert (live.record, live.made_as, live.fresh) == (b'{"a": "b  c"}', None, True)
    assert (live.written, live.holds, live.tags) == (None, 0, frozenset())


def test_snapshot():
    """A snapshot has tags of its own, and shows nothing of its filesystem as its."""
    _, snapshot = of(OLD)
    assert (snapshot.owner, snapshot.last) == (COPY, "s1")
    assert snapshot.guid == "18045356022991673458"
    assert (snapshot.holds, snapshot.tags) == (1, {"backup", "move-7"})
    assert (snapshot.record, snapshot.fresh, snapshot.origin) == (None, False, None)


def test_received():
    """What a stream set is nobody's record."""
    live, _ = of(OLD.replace('c"}\tlocal', 'c"}\treceived'))
    assert live.record is None


def test_no_filesystems():
    """Volumes and bookmarks are passed over."""
    assert parse_filesystems(OLD.replace("filesystem\t-", "volume\t-"))[0].is_snapshot
    assert parse_filesystems("") == ()


def test_properties():
    """Properties are read whatever is in them."""
    text = "a\tflocker:x\tone = two\tthree\nb\tused\t5\n"
    assert parse_properties(text) == {
        "a": {"flocker:x": "one = two\tthree"},
        "b": {"used": "5"},
    }


def test_seen():
    """Snapshots that are only made to compare are nobody's."""
    _, snapshot = of(OLD)
    probe = evolve(snapshot, name=f"{COPY}@_flocker.probe")
    assert seen([snapshot, probe]) == (snapshot,)


def written(
    *used: int, origin: str | None = None, property_: int | None = None
) -> bool | None:
    live, snapshot = of(OLD)
    live = evolve(live, origin=origin, written=property_)
    return was_written(live, [evolve(snapshot, used=each) for each in used])


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ((), True),
        ((0,), False),
        ((4096,), True),
        ((4096, 0), False),
        ((4096, 4096), True),
        ((0, 4096), True),
        ((0, 0), None),
        ((4096, 0, 0), None),
    ],
)
def test_written(used, expected):
    """What snapshots have alone tells it, unless two may be one."""
    assert written(*used) is expected


def test_written_clone():
    """The first snapshot of a clone may be what the clone was made of."""
    assert written(0, origin="tank/a@s") is None
    assert written(4096, origin="tank/a@s") is True
    assert written(4096, 0, origin="tank/a@s") is False


@pytest.mark.parametrize("used", [(0,), (0, 0), (4096,)])
def test_written_property(used):
    """Where there is a property for it, that is believed."""
    assert written(*used, property_=0) is False
    assert written(*used, property_=512) is True


def test_written_nothing():
    """What has no snapshot is not one, whatever the property says."""
    assert written(property_=0) is True


def test_estimate():
    """The size is read where it stands."""
    assert parse_estimate(b"full\ttank/a@s\t1234\nsize\t1234\n") == 1234
    assert parse_estimate(b"nothing\n") is None


@pytest.mark.parametrize(
    ("says", "text"),
    [
        (says_missing, "cannot open 'tank/x': dataset does not exist"),
        (says_missing, "cannot open 'tank': no such pool"),
        (says_busy, "cannot rename 'tank/x': dataset is busy"),
        (says_busy, "cannot mount 'tank/x': filesystem already mounted"),
        (says_full, "cannot create 'tank/x': out of space"),
        (says_full, "cannot receive new filesystem stream: out of space"),
        (says_gone, "internal error: failed to initialize ZFS library"),
        (says_gone, "cannot open 'tank': pool I/O is currently suspended"),
        (says_no_tag, "cannot release 'a' from 'b@s': no such tag on this dataset"),
        (says_tag_there, "cannot hold snapshot 'b@s': tag already exists on this"),
    ],
)
def test_says(says, text):
    """Each is known by its words, and by nobody else's."""
    kinds = {says_missing, says_busy, says_full, says_gone, says_no_tag, says_tag_there}
    others = kinds - {says}
    assert says(text)
    assert not any(other(text) for other in others)


def test_name_in():
    """What a message is about is named in it."""
    assert name_in("cannot open 'tank/x': dataset does not exist") == "tank/x"
    assert name_in("internal error") is None


def test_values_of_several_lines():
    """The rest of a value that somebody wrote in several lines is nothing of ours."""
    text = "tank\ttheirs:note\ta\nb\ntank\tavailable\t5\n"
    assert parse_properties(text) == {"tank": {"theirs:note": "a", "available": "5"}}
    assert list(parse_pairs("tank/a\t-\ntank/b\ttank/a@s\nrest\n")) == [
        ("tank/a", "-"),
        ("tank/b", "tank/a@s"),
    ]


def test_explained():
    """What we know better is said better, the rest as it came."""
    gone = "connect: No such file or directory; failed to initialize ZFS library"
    assert "zfs-fuse does not run" in explain(gone)
    assert "zpool clear" in explain("pool I/O is currently suspended")
    assert explain("something else") == "something else"


def test_under_way():
    """What is on its way to a new snapshot is shown as what it was: read-only."""
    property_of = f"{COPY}\tflocker:repeating\t180 again\t"
    live = of(f"{OLD}{property_of}local\n")[0]
    assert (live.repeating, live.read_only, live.written) == ("180 again", True, 0)
    live = of(f"{OLD}{property_of}inherited from tank\n")[0]
    assert (live.repeating, live.read_only, live.written) == (None, False, None)


@pytest.mark.parametrize(
    ("went_back", "written", "read_only", "expected"),
    [
        ("180 1024", 1024, True, False),
        ("180 1024", 0, True, False),
        ("180 1024", 1536, True, True),
        ("180 1024", 1024, False, True),
        ("179 1024", 1024, True, True),
        (None, 1024, True, True),
    ],
)
def test_gone_back(went_back, written, read_only, expected):
    """What going back left counts as nothing where nothing else can have come to it."""
    value = "-" if went_back is None else went_back
    live, snapshot = of(f"{OLD}{COPY}\tflocker:went-back\t{value}\tlocal\n")
    assert live.went_back == value
    live = evolve(live, written=written, read_only=read_only)
    assert was_written(live, [evolve(snapshot, guid="180")]) is expected


@pytest.mark.parametrize(
    ("said", "unready"),
    [
        ("cannot rollback 'tank/a': I/O error", True),
        ("cannot destroy 'tank/a': dataset is busy", True),
        ("cannot open 'tank/a': I/O error", False),
        ("cannot rollback 'tank/a': more recent snapshots exist", False),
    ],
)
def test_unready(said, unready):
    """What may be done in a moment is tried again."""
    assert says_unready(said) is unready
