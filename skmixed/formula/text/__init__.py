"""The text of a formula: from characters to terms."""
