"""One loop, two objectives."""
