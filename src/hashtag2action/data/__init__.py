"""From manifests and labelled folders to batches."""
