"""A local web page over the folders that curations wrote: browse, filter, look, judge."""
