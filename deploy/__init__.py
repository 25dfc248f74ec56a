"""Everything that a cluster needs, written from the map: `python -m deploy` (or `make manifests`)."""
