"""A fit opened again: curvature and conditional distributions."""
