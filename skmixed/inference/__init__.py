"""Fitted parameters to statements: tables and, later, tests and intervals."""
