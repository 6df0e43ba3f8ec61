"""How numbers and tables are printed."""
