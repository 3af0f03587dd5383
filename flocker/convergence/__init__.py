"""The engine both agents share: outcomes, the loop, the session with control."""
