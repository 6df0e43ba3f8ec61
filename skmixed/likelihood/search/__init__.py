"""The search for the optimum: start, descent, boundary."""
