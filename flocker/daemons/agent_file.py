"""agent.yml, read by the daemons of a node at their start."""

import logging.config
from pathlib import Path

from flocker.wire.agent_yaml import AgentConfig, BadAgentFile, parse


def read_agent_file(file: Path) -> AgentConfig:
    """Read the file and set up the logging it asks for. Raises `BadAgentFile`."""
    try:
        config = parse(file.read_text(encoding="utf-8"), str(file))
    except OSError as error:
        raise BadAgentFile(str(file), "", error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise BadAgentFile(str(file), "", f"it is not UTF-8: {error.reason}") from error
    if config.logging is not None:
        try:
            logging.config.dictConfig(dict(config.logging))
        except (ValueError, TypeError, AttributeError, ImportError) as error:
            raise BadAgentFile(str(file), "logging", str(error)) from error
    return config
