"""The live API is what its description says: asked all manner of things over TLS."""

import subprocess
import sys

CHECKS_LEFT_OUT = {
    "ignored_auth": "who has no certificate gets no connection, so no status",
    "negative_data_rejection": "old clients may send bodies, types, queries, headers "
    "that nobody looks at; ids in paths are compared as texts: 404",
    "missing_required_header": "there are none",
    "ensure_resource_availability": "a dataset exists where it is wanted: "
    "its status is there, an id in state only when an agent has seen it",
    "use_after_free": "a deleted dataset stays listed, as before 2.0",
}
"""Checks of schemathesis that are not for this API, and why."""

HOOKS = """
import schemathesis

@schemathesis.hook
def filter_body(context, body):
    if not isinstance(body, dict):
        return True
    size = body.get("maximum_size")
    xfs = body.get("filesystem") == "xfs"
    small = isinstance(size, int) and size < 314572800
    return not isinstance(size, float) and not (xfs and small)
"""
"""Not sent: 1024.0. To JSON Schema of today it is an integer, to Flocker 1.15 none.
Nor an xfs that is too small: the rule is about two keys, and its own words say more."""

SETTINGS = """
hooks = "hooks.py"

[checks.positive_data_acceptance]
expected-statuses = ["2xx", 304, 404, 405, 409, 412]
"""
"""What was there before decides of many good requests; none of them is bad: 400."""

PATHS_LEFT_OUT = {
    "/v1/events": "it is a stream, which does not end",
    "/v1/configuration/datasets/{dataset_id}/adopt": "503 as long as no agent that can "
    "list volumes is connected, and here is none",
}

MOST_SECONDS = 40


def test_schemathesis(service) -> None:
    """Whatever is asked, the answer is one of those described."""
    settings = service.directory / "schemathesis.toml"
    settings.write_text(SETTINGS)
    (service.directory / "hooks.py").write_text(HOOKS)
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", settings),
            *("run", f"{service.url}/v1/openapi.json"),
            *("--request-cert", service.directory / "user.crt"),
            *("--request-cert-key", service.directory / "user.key"),
            *("--tls-verify", service.directory / "cluster.crt"),
            *("--exclude-checks", ",".join(CHECKS_LEFT_OUT)),
            *(part for path in PATHS_LEFT_OUT for part in ("--exclude-path", path)),
            *("--max-examples", "40", "--max-time", str(MOST_SECONDS)),
            *("--seed", "1", "--continue-on-failure", "--suppress-health-check", "all"),
        ],
        cwd=service.directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=3 * MOST_SECONDS,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
