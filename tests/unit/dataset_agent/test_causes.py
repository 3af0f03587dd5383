"""Causes name what they are about."""

import pytest

from flocker.dataset_agent import states
from flocker.dataset_agent.causes import explain, held, unanswered, under_way
from flocker.dataset_agent.steps import Attach
from flocker.model.cluster import Cause
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.testing.builders import node_id
from flocker.testing.situations import (
    DATASET,
    DEVICE,
    PLACE,
    SIZE,
    VOLUME,
)


def test_foreign():
    """The device, what it carries, and how to be rid of it are named."""
    found = states.Foreign(DATASET, VOLUME, SIZE, DEVICE, "swap")
    assert explain("foreign-signature", found, DEFAULT_BACKEND) == Cause(
        "foreign-signature",
        f"{DEVICE} (volume {VOLUME}) carries swap, which is no filesystem of ours",
        "see whose it is, and put back what was there, or delete the dataset and"
        " restore the data into a new one; if it never held data, wipefs --all"
        f" {DEVICE} lets it be formatted",
    )


def test_without_release():
    """What ends by itself asks nobody for anything."""
    found = states.Unregistered(DATASET, VOLUME, SIZE)
    cause = explain("registering", found, DEFAULT_BACKEND)
    assert (cause.release, cause.permanent) == (None, False)


def test_why():
    """The words of a driver that failed are passed on."""
    unreadable = states.Unreadable(DATASET, VOLUME, SIZE, "I/O error")
    stranded = states.Stranded(DATASET, VOLUME, PLACE, "I/O error")
    for code, found in (("device-unreadable", unreadable), ("stranded", stranded)):
        assert explain(code, found, DEFAULT_BACKEND).words.endswith(": I/O error")


def test_held():
    """Every holder is named."""
    assert held((node_id(1), node_id(2))) == Cause(
        "held", f"node {node_id(1)}, {node_id(2)} has not let go of it yet"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "5 seconds"), (30, "30 seconds"), (120, "2 minutes"), (3600, "60 minutes")],
)
def test_unanswered(seconds, words):
    """How long a backend is silent is told in words, and ends by itself."""
    assert unanswered(DEFAULT_BACKEND, seconds) == Cause(
        "backend-slow",
        f"backend default has not answered for {words}",
        "see to the backend; when it answers this node goes on by itself",
    )
    step = Attach(DATASET, DEFAULT_BACKEND, VOLUME)
    assert under_way(step, seconds).words == f"to attach it has taken {words} until now"
