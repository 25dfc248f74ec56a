"""Mail by SMTP: our own transport to a relay.

email.py      the adapter: a mail, what a reply means     transport.py  the dialogue, over pooled sessions
replies.py    reply codes as data                         session.py    one connection
reference.py  the marks by which bounces name a message   dkim.py       signatures
bounces.py    bounces and complaints, read
"""
