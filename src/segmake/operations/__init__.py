"""A run while it runs: its jobs, how far each is, what failed. Standard library and tables only."""
