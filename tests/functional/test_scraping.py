"""An agent's numbers at a port of its machine."""

import subprocess
import sys

PROGRAM = """
import treq
from flocker.runtime.main import run_command
from flocker.runtime.scraping import serve

async def body(reactor):
    port = await serve(reactor, "127.0.0.1", 0)
    where = f"http://127.0.0.1:{port.getHost().port}"
    found = await treq.get(where + "/metrics")
    text = await found.text()
    other = await treq.get(where + "/")
    kind = found.headers.getRawHeaders("Content-Type")[0].partition(";")[0]
    print(found.code, kind, "process_open_fds" in text, other.code)
    await serve(reactor, "127.0.0.1", port.getHost().port)

run_command(body)
"""


def test_scraping() -> None:
    """It serves the numbers, nothing else; a port that is taken is one sentence."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert ran.stdout == "200 text/plain True 404\n"
    assert ran.returncode == 1
    assert "cannot be listened on: Address already in use" in ran.stderr
