"""The rendered world: people who act, cuts, decoys and spam, with known truth."""
