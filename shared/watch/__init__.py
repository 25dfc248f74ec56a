"""Watching: what is measured, what of it is an alarm, and who is told, apart from the pipeline that is watched."""
