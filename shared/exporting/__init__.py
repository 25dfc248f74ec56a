"""Exports: what a list holds, as a CSV file that is made in the background and kept for a day."""
