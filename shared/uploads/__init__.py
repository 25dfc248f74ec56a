"""Bulk files: read what offices make, check every row by the rules of accepting, send the good ones as a job."""
