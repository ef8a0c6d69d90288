"""The configuration: one YAML file in, one frozen `Config` out, or every problem at once with its line.

Outside: `load` (or `load_text`), `check_environment`, `config_schema`. Contract.md, Configuration.
"""

from gateway.config.environment import check_environment
from gateway.config.loader import Loaded, load, load_text
from gateway.config.model import Config
from gateway.config.problems import ConfigError, Problem
from gateway.config.schema import config_schema

__all__ = [
    "Config",
    "ConfigError",
    "Loaded",
    "Problem",
    "check_environment",
    "config_schema",
    "load",
    "load_text",
]
