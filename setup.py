"""Packaging of Flocker. The base install is what an administrator's laptop needs: ca, client, cli."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

TWISTED = ["Twisted>=24.10", "pyOpenSSL>=24.2", "service-identity>=24.1", "idna>=3.4"]

BASE = [
    *TWISTED,
    "attrs>=24.2",
    "cattrs>=24.1",
    "click>=8.1",
    "cryptography>=43",
    "eliot>=1.16",
    "pyrsistent>=0.20",
    "PyYAML>=6.0",
    "rich>=13.7",
    "treq>=24.9",
    "zope.interface>=7.0",
]

CONTROL = ["klein>=24.8", "jsonschema>=4.23"]
NODE = ["Automat>=24.8", "jsonschema>=4.23"]
TEST = ["pytest>=8.3", "pytest-xdist>=3.6", "hypothesis>=6.115", "coverage>=7.6"]

setup(
    name="flocker",
    version="2.0.0.dev0",
    description="Containers and their data, moving together between hosts.",
    long_description=(HERE / "README.md").read_text() if (HERE / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["flocker", "flocker.*"]),
    package_data={"flocker.restapi": ["schemas/*.yml"], "flocker": ["py.typed"]},
    install_requires=BASE,
    extras_require={
        "control": CONTROL,
        "node": NODE,
        "sandbox": sorted({*CONTROL, *NODE}),
        "test": sorted({*CONTROL, *NODE, *TEST}),
    },
    entry_points={
        "console_scripts": [
            "flocker-ca = flocker.cli.ca:main",
            "flockerctl = flocker.cli.flockerctl:main",
            "flocker-control = flocker.daemons.control:main",
            "flocker-dataset-agent = flocker.daemons.dataset_agent:main",
            "flocker-sandbox = flocker.sandbox.main:main",
        ],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Framework :: Twisted",
        "License :: OSI Approved :: Apache Software License",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Topic :: System :: Clustering",
    ],
)
