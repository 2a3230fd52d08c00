"""What commands begin with: the settings, and what the files say that they point to."""

from pathlib import Path

from services.provisioning.catalogues import Watched, load_watched
from services.settings import LoadedSettings, load_settings

__all__ = ["LoadedSettings", "Path", "load_settings", "watched"]


def watched(loaded: LoadedSettings) -> Watched:
    """Return the watch topics and the gazetteer of these settings."""
    return load_watched(loaded.settings.topics, loaded.settings.actors)
