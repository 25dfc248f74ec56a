"""From Redis to report_retry: what has expired, what is due, and what Redis has lost."""
