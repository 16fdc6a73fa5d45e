"""Where posts come from: the only room that knows platforms."""
