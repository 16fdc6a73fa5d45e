"""What is on disk, shown to a person."""
