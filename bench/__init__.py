"""Measurements of IMS on one machine, each beside a limit measured in the same run; `python -m bench --help`."""
