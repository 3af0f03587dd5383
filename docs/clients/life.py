"""The life of a dataset, told to Flocker with Python's standard library alone.

    python3 life.py HOST DIRECTORY [NAME]

HOST is the control service; DIRECTORY has cluster.crt, user.crt and user.key.
"""

import http.client
import json
import ssl
import sys
import time

PATIENCE = 120  # seconds


class Control:
    """The control service at HOST."""

    def __init__(self, host, directory):
        tls = ssl.create_default_context(cafile=f"{directory}/cluster.crt")
        tls.load_cert_chain(f"{directory}/user.crt", f"{directory}/user.key")
        self.http = http.client.HTTPSConnection(host, 4523, timeout=30, context=tls)

    def ask(self, method, path, body=None):
        """Give the answer's JSON; an error's description ends the program."""
        content = None if body is None else json.dumps(body)
        self.http.request(method, f"/v1{path}", content)
        response = self.http.getresponse()
        answer = json.loads(response.read())
        if response.status >= 300:
            sys.exit(f"{method} {path}: {response.status} {answer['description']}")
        return answer

    def wait(self, dataset, phase, node):
        """Wait until the dataset is in the phase on the node; say why it is not."""
        said, end = None, time.monotonic() + PATIENCE
        while time.monotonic() < end:
            status = self.ask("GET", f"/status/datasets/{dataset}")
            if status["phase"] == phase and status["node"] == node:
                return status
            cause = status["cause"]
            if cause and cause["words"] != said:
                said = cause["words"]
                print(f"waiting: {status['phase']}, because {said}", flush=True)
            time.sleep(0.5)
        sys.exit(f"dataset {dataset} is not {phase} on node {node}: {said}")


def main(host, directory, name="life-in-python"):
    """Create, use, move, delete."""
    control = Control(host, directory)
    nodes = control.ask("GET", "/state/nodes")
    for node in nodes:
        print("node", node["uuid"], node["host"])
    first, last = nodes[0]["uuid"], nodes[-1]["uuid"]

    wish = {"primary": first, "maximum_size": 64 << 20, "metadata": {"name": name}}
    dataset = control.ask("POST", "/configuration/datasets", wish)["dataset_id"]
    print("created", dataset)
    print("mounted", control.wait(dataset, "mounted", first)["path"])

    # Whoever uses it says so, and nobody takes it away meanwhile.
    lease = {"dataset_id": dataset, "node_uuid": first, "expires": 60, "holder": name}
    control.ask("POST", "/configuration/leases", lease)
    control.ask("DELETE", f"/configuration/leases/{dataset}?holder={name}")

    control.ask("POST", f"/configuration/datasets/{dataset}", {"primary": last})
    print("moved", control.wait(dataset, "mounted", last)["path"])

    control.ask("DELETE", f"/configuration/datasets/{dataset}")
    control.wait(dataset, "destroyed", last)
    print("destroyed", dataset)


if __name__ == "__main__":
    main(*sys.argv[1:])
