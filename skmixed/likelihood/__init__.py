"""Arrays to fitted parameters: the exact likelihood of linear mixed models."""
