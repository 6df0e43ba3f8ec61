"""Tables that people print."""
