"""Covariances of random effects as functions of theta."""
