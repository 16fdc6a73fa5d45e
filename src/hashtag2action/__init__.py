"""From hashtags to an action recognizer, with no labelling."""

__version__ = "0.1.0"
