"""Judgements about frames: arrays in, numbers out."""
