"""NHN Cloud: a product and an API a channel, with one kind of envelope (api.py); one file a channel."""
