"""Hosts: processes that run several functions and the bridges that feed them (shared/flow.py says which).

An event goes from a bridge to a function of the same process by a call, under the rules that hold over HTTP: the same
answers, tries, waits and dead letters, and Kafka's offsets are committed as they are there.
"""
