"""Delivers Kafka records to functions by the rules of Knative's KafkaSource, where there is no Knative.

    Kafka ─▶ consumer.py (a thread per source) ─▶ delivery.py (one event loop) ─▶ POST to the function
                 ▲ commits                              │ finished
                 └──────────── offsets.py ◀─────────────┘         given up ─▶ ims.dead

`cloudevent.py` says how a record becomes a request, `policy.py` what an answer means, `letters.py` what `ims.dead`
gets, and `coverage.py` when the group is asked for partitions that a topic has gained.
"""
