"""Packaging: the base install is what an administrator needs (ca, client, cli)."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

BASE = [
    "attrs>=24.2",
    "cattrs>=24.1",
    "click>=8.1",
    "cryptography>=43",
    "eliot>=1.16",
    "idna>=3.4",
    "pyOpenSSL>=24.3,!=25.1.0",
    "pyrsistent>=0.20",
    "PyYAML>=6.0",
    "service-identity>=24.1",
    "Twisted>=24.10",
    "zope.interface>=7.0",
]

# What one kind of machine needs on top of the base.
CONTROL = [
    "klein>=24.8",
    "jsonschema>=4.23",
    "prometheus-client>=0.21",
    "Werkzeug>=3.0",
]
NODE = ["Automat>=24.8", "jsonschema>=4.23", "prometheus-client>=0.21"]
DOCKER = ["jsonschema>=4.23", "treq>=24.9"]
SANDBOX = sorted({*CONTROL, *NODE, *DOCKER, "rich>=13.7"})

# What developing Flocker needs.
TEST = [
    *SANDBOX,
    "pytest>=8.3",
    "pytest-xdist>=3.6",
    "hypothesis>=6.115",
    "coverage>=7.6",
    "schemathesis>=4.0",
]
LINT = [
    "import-linter>=2.1",
    "mypy>=1.13",
    "mypy-zope>=1.0.9",
    "ruff>=0.8",
    "types-jsonschema",
    "types-PyYAML",
]
DOCS = ["Sphinx>=8.1", "furo>=2024.8.6", "towncrier>=24.8"]


def version() -> str:
    """The version as flocker/__init__.py states it, without importing anything."""
    text = (HERE / "flocker" / "__init__.py").read_text()
    match = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if match is None:
        raise SystemExit("flocker/__init__.py does not state __version__.")
    return match[1]


setup(
    name="flocker",
    version=version(),
    description="Containers and their data, moving together between hosts.",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["flocker", "flocker.*"]),
    package_data={
        "flocker": ["py.typed"],
        "flocker.daemons": ["units/*.service"],
        "flocker.restapi": ["schemas/*.yml"],
        "flocker.testing": ["*.sh"],
    },
    install_requires=BASE,
    extras_require={
        "control": CONTROL,
        "node": NODE,
        "docker": DOCKER,
        "sandbox": SANDBOX,
        "test": TEST,
        "lint": LINT,
        "docs": DOCS,
    },
    entry_points={
        "console_scripts": [
            "flocker-ca = flocker.cli.ca:main",
            "flockerctl = flocker.cli.flockerctl:main",
            "flocker-control = flocker.daemons.control:main",
            "flocker-dataset-agent = flocker.daemons.dataset_agent:main",
            "flocker-diagnostics = flocker.node_tools.diagnostics:main",
            "flocker-docker-plugin = flocker.daemons.docker_plugin:main",
            "flocker-node-era = flocker.node_tools.era:main",
            "flocker-install-units = flocker.daemons.install_units:main",
            "flocker-sandbox = flocker.sandbox.main:main",
        ],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Framework :: Twisted",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Topic :: System :: Clustering",
    ],
)
