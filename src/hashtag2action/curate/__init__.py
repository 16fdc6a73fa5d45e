"""From posts to action clips, one table at a time."""
