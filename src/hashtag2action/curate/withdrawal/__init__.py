"""Taking a source out again, with everything made from it, and keeping it out."""
