"""`IMS_PLATFORM=openfaas-ce`: the local platform as stack.ce.yml and openfaas/ describe it, in OpenFaaS' way.

    client ─▶ gateway (routes.yaml) ─▶ OpenFaaS' gateway: /function/<name>/… ─▶ functions (stack.ce.yml)
    Kafka ─▶ kafka-source, Redis ─▶ redis-expiry (bridges.yaml), cron-connector ────▲

`files.py` reads what would be deployed; nothing of it stands here once more. Three parts of OpenFaaS have a stand-in:
its gateway (`gateway.py`), its cron connector (`cron.py`), and the files that it makes of secrets (`plan.py`).
"""
