"""What single rows and groups do to a fit."""
