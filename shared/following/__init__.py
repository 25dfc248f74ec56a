"""Following messages after their acceptance: what `api_report` answers.

reading    query parameters, bodies, ids and cursors as values, or a 422 with every fault
patience   look-ups right after the acceptance
shapes     what a client sees of a message, its trail and its callback: pure
messages   one message, and searches
requests   one request; cancelling it, moving its reservation
reports    the feed of final reports, and replays
callbacks  the account's callback: settings, health, a test call
"""
