"""`ims demo data`: a week of believable traffic, so that pages are worth looking at."""
