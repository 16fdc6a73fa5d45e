"""Bytes from elsewhere to this machine: which addresses, how fast, how many; no tables."""
