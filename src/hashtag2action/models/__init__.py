"""The networks: VideoMAE V2 in its pre-training and its fine-tuning form.

Single-device modules and the pure functions around them (masks, targets, weights on disk). Losses
and optimizers belong to `train`, pixels on disk to `video`, distribution to `train.parallel`.
"""
