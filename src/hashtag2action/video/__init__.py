"""Pixels and time: probing, decoding, encoding, sampling. No tables, no models."""
