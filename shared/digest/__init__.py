"""The daily digest: what failed on a Korean day, grouped by cause, told once by e-mail or callback.

`days` and `content` decide, `mail` and `hook` write it down, `delivery` sends it, `run` is a tick's work, and
`preferences` and `api` are what a client sees of it.
"""
