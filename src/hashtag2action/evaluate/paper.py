"""What the paper reports: never ours, always shown as such."""

PAPER = "Hashtag2Action, ICCV 2025 workshops"
PAPER_TOP1 = {"ucf101": 0.9905, "hmdb51": 0.8608, "k400": 0.8551, "ssv2": 0.7427}
"""Top-1, ViT-g, as the paper reports it. Source: the paper's table of benchmarks."""
