"""The deviance and its derivatives."""
