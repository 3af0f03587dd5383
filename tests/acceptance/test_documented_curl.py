"""Every curl line of the docs is run, in the order of its page, and gets its status.

In a console block a line ``$ curl ... # 201`` names its status; a line that ends with a
backslash goes on in the next. Lines without curl set variables.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from flocker.sandbox.describing import shell_settings
from flocker.sandbox.names import CONTROL, address, node_name
from flocker.testing.clusters import LiveCluster

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(
    str(path.relative_to(DOCS))
    for path in DOCS.rglob("*.rst")
    if re.search(r"^ +[$#] curl ", path.read_text(), re.MULTILINE)
)
BLOCK = re.compile(r"^\.\. code-block:: console\n\n((?:   .*\n|\n)+)", re.MULTILINE)
COMMAND = re.compile(r"^   [$#] ((?:.*\\\n)*.*)$", re.MULTILINE)
STATUS = re.compile(r"  # (\d{3})$")


def commands(page: str) -> Iterator[str]:
    """The commands about curl, and the settings of variables before them."""
    for block in BLOCK.findall((DOCS / page).read_text()):
        for command in COMMAND.findall(block):
            if re.match(r"(curl|[A-Z]+=)", command):
                yield command


def script(page: str, settings: str, prepared: dict[str, str]) -> str:
    """A shell script that prints a status a line; ids of the docs give way to ours."""
    lines = [settings, *(f"{name}={value}" for name, value in prepared.items())]
    for command in commands(page):
        if not command.startswith("curl"):
            lines.append(re.sub(r"(NODE|OTHER)=\S+", "", command))
            continue
        ours = command.replace("192.0.2.10", address(CONTROL))
        quiet = r"curl --silent --show-error --output body --write-out '%{http_code}\n'"
        lines.append(ours.replace("curl", quiet, 1))
    return "\n".join(lines)


def test_pages() -> None:
    """These pages have such lines, and every one of them names a status."""
    assert {"how-to/clients.rst", "reference/rest-api.rst", "tutorial.rst"} <= {*PAGES}
    unnamed = [
        command
        for page in PAGES
        for command in commands(page)
        if command.startswith("curl") and not STATUS.search(command)
    ]
    assert unnamed == []


@pytest.mark.parametrize("page", PAGES)
def test_page(cluster: LiveCluster, page: str, tmp_path: Path) -> None:
    """Each line gets the status that the page names."""
    layout = cluster.sandbox.layout
    one, two = node_name(1), node_name(2)
    dataset = cluster.create(one, name=page)
    cluster.mounted(dataset, one)
    for file in layout.client.iterdir():
        (tmp_path / file.name).symlink_to(file)
    prepared = {
        "NODE": str(cluster.id_of(one)),
        "OTHER": str(cluster.id_of(two)),
        "DATASET": str(dataset),
    }
    ran = subprocess.run(
        ["bash", "-c", script(page, shell_settings(layout), prepared)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    asked = [each for each in commands(page) if each.startswith("curl")]
    got = list(zip(asked, ran.stdout.split(), strict=True))
    wanted = [(each, found[1]) for each in asked if (found := STATUS.search(each))]
    assert got == wanted, ran.stderr
