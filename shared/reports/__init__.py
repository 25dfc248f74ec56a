"""Reports to clients: the first try, its retries in Redis, and what MySQL keeps of them (design §5).

keys      names of everything in Redis
units     which reports travel in one body, and what becomes of a try: pure
callback  body, signature and headers of one try: pure
gate      a bounded number of calls at once to each host
opening   how fast what waits for a host that was away is brought forward: pure
courier   one try: breaker, slot, call, verdict
claims    who may send a first report (Lua)
due       what is due when, and who may try it (Lua)
first     the first try of finished messages
retries   the tries after it
rebuild   from MySQL back into an emptied Redis
"""
