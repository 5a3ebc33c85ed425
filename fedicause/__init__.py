"""fedicause: what an organisation does with its campaigns, and how the world reaches it."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("fedicause")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0"
