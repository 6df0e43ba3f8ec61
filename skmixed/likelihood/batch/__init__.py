"""Many responses with one design: the steps of a fit, batched over the responses."""
