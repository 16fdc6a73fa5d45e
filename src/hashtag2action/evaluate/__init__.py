"""From weights and labelled clips to figures."""
