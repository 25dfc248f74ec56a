"""Grafana dashboards as a table of panels, written to infra/monitoring/dashboards/*.json: same uid in every cluster."""

from __future__ import annotations

import json
from dataclasses import dataclass

from deploy.settings import Json

RATE = "$__rate_interval"
SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
WIDTH, HEIGHT, ACROSS = 12, 8, 2
GROUPS = r'consumergroup=~"ims\\..*-$lane"'
TOPICS = r'topic=~"ims\\..*\\.$lane"'
FAILED = 'result="failed"'
NOTE = "Generated from deploy/dashboards.py by `make manifests`: change that, not this file."


@dataclass(frozen=True)
class Panel:
    """One graph: queries with their legends, a unit of Grafana's, and what to see in it."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    text: str = ""


@dataclass(frozen=True)
class Dashboard:
    """`variables` are names with the query whose label values they take."""

    uid: str
    title: str
    panels: tuple[Panel, ...]
    variables: tuple[tuple[str, str], ...] = ()


def quantile(q: float, metric: str, by: str, only: str = "") -> str:
    """A quantile of a histogram, by a label."""
    grouped = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({grouped}) (rate({metric}_bucket{{{only}}}[{RATE}])))"


def rates(metric: str, by: str, only: str = "") -> str:
    """Growth a second, by labels."""
    return f"sum by ({by}) (rate({metric}{{{only}}}[{RATE}]))"


LANES = Dashboard(
    "ims-lanes",
    "IMS lanes",
    (
        Panel(
            "Lag in front of each function",
            ((f"sum by (consumergroup) (kafka_consumergroup_lag{{{GROUPS}}})", "{{consumergroup}}"),),
            text="Events (batches of up to 500 messages) that are not finished yet.",
        ),
        Panel(
            "Time to drain at the present speed",
            (
                (
                    f"sum by (consumergroup) (kafka_consumergroup_lag{{{GROUPS}}}) / clamp_min(sum by (consumergroup)"
                    f" (deriv(kafka_consumergroup_current_offset{{{GROUPS}}}[5m])), 0.01)",
                    "{{consumergroup}}",
                ),
            ),
            "s",
        ),
        Panel(
            "Oldest event (behind our kafka_source)",
            (('max by (source) (ims_source_oldest_seconds{source=~".*-$lane"})', "{{source}}"),),
            "s",
            "Exact, where bridges/kafka_source delivers (OpenFaaS CE, local). A KafkaSource tells no age.",
        ),
        Panel(
            "Events a second into each topic",
            ((f"sum by (topic) (deriv(kafka_topic_partition_current_offset{{{TOPICS}}}[5m]))", "{{topic}}"),),
            "cps",
        ),
        Panel(
            "Messages a second by hop",
            ((rates("ims_messages_total", "type"), "{{type}}"),),
            "cps",
            "One message counts once at each hop.",
        ),
        Panel(
            "Time of a hop, p50 and p99",
            (
                (quantile(0.5, "ims_handler_seconds", "type, process"), "p50 {{type}} {{process}}"),
                (quantile(0.99, "ims_handler_seconds", "type, process"), "p99 {{type}} {{process}}"),
            ),
            "s",
            "One call of a handler for a group of events, publishing included; -fast serves auth and realtime.",
        ),
        Panel(
            "Deliveries and failures (our kafka_source)",
            (
                (rates("ims_source_delivered_total", "source"), "delivered {{source}}"),
                (rates("ims_source_failed_total", "source, reason"), "{{reason}} {{source}}"),
            ),
            "cps",
        ),
        Panel(
            "Dead letters in an hour",
            (('sum(delta(kafka_topic_partition_current_offset{topic="ims.dead"}[1h]))', "ims.dead"),),
        ),
    ),
    (("lane", 'label_values(kafka_topic_partition_current_offset{topic=~"ims.accepted..*"}, topic)'),),
)

VENDORS = Dashboard(
    "ims-vendors",
    "IMS vendors",
    (
        Panel(
            "Calls a second", ((rates("ims_vendor_calls_total", "vendor, account"), "{{vendor}} {{account}}"),), "cps"
        ),
        Panel(
            "Share of failed calls",
            (
                (
                    f"{rates('ims_vendor_calls_total', 'vendor, account', FAILED)}"
                    f" / {rates('ims_vendor_calls_total', 'vendor, account')}",
                    "{{vendor}} {{account}}",
                ),
            ),
            "percentunit",
            "Above a half of at least 50 calls in a minute the vendor's breaker opens, and route takes another vendor.",
        ),
        Panel(
            "Time of an answer, p50 and p99",
            (
                (quantile(0.5, "ims_vendor_seconds", "vendor"), "p50 {{vendor}}"),
                (quantile(0.99, "ims_vendor_seconds", "vendor"), "p99 {{vendor}}"),
            ),
            "s",
        ),
        Panel(
            "Receipts taken a second",
            ((rates("ims_http_requests_total", "status", 'function="api-receipt"'), "{{status}}"),),
            "cps",
        ),
    ),
)

CALLBACKS = Dashboard(
    "ims-callbacks",
    "IMS callbacks and retries",
    (
        Panel("Tries a second by outcome", ((rates("ims_report_tries_total", "outcome"), "{{outcome}}"),), "cps"),
        Panel(
            "Time of a client's answer, p50 and p99",
            (
                (quantile(0.5, "ims_report_call_seconds", ""), "p50"),
                (quantile(0.99, "ims_report_call_seconds", ""), "p99"),
            ),
            "s",
        ),
        Panel(
            "Retries: from due to claimed",
            (
                (quantile(0.5, "ims_report_lateness_seconds", ""), "p50"),
                (quantile(0.99, "ims_report_lateness_seconds", ""), "p99"),
            ),
            "s",
            "The promise is a p99 of 1 s with 100,000 pending.",
        ),
        Panel(
            "Units that wait for a retry",
            (('sum(max by (key) (redis_key_size{key=~"due:.*"}))', "waiting"),),
        ),
        Panel("What woke them", ((rates("ims_expiry_keys_total", "why"), "{{why}}"),), "cps"),
        Panel("Refused by report_retry", ((rates("ims_expiry_requests_failed_total", "status"), "{{status}}"),), "cps"),
    ),
)

FUNCTIONS = Dashboard(
    "ims-functions",
    "IMS functions",
    (
        Panel(
            "Events a second by result",
            ((rates("ims_events_total", "function, result", 'function=~"$function"'), "{{function}} {{result}}"),),
            "cps",
        ),
        Panel(
            "Time of a call, p99",
            ((quantile(0.99, "ims_handler_seconds", "process", 'function=~"$function"'), "{{process}}"),),
            "s",
        ),
        Panel(
            "Requests a second by status",
            (
                (
                    rates("ims_http_requests_total", "function, status", 'function=~"$function"'),
                    "{{function}} {{status}}",
                ),
            ),
            "cps",
        ),
        Panel("In flight", (('sum by (process) (ims_in_flight{function=~"$function"})', "{{process}}"),), text="Now."),
        Panel(
            "Published a second",
            ((rates("ims_published_total", "topic, result", 'function=~"$function"'), "{{topic}} {{result}}"),),
            "cps",
        ),
        Panel("Replicas", (('count by (process) (up{function=~"$function"})', "{{process}}"),)),
        Panel(
            "Memory of a process",
            (('max by (process) (process_resident_memory_bytes{function=~"$function"})', "{{process}}"),),
            "bytes",
        ),
        Panel(
            "CPU of a process",
            ((rates("process_cpu_seconds_total", "process", 'function=~"$function"'), "{{process}}"),),
            "percentunit",
        ),
    ),
    (("function", "label_values(ims_events_total, function)"),),
)

DASHBOARDS = (LANES, VENDORS, CALLBACKS, FUNCTIONS)


def files() -> dict[str, str]:
    """File name → JSON."""
    return {f"{d.uid}.json": json.dumps(document(d), indent=1, ensure_ascii=False) + "\n" for d in DASHBOARDS}


def document(dashboard: Dashboard) -> Json:
    """What Grafana imports."""
    datasource = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    return {
        "description": NOTE,
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["ims"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [datasource, *(_variable(*one) for one in dashboard.variables)]},
        "panels": [_panel(i, panel) for i, panel in enumerate(dashboard.panels)],
    }


def _variable(name: str, query: str) -> Json:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        **({"regex": r"/ims\.accepted\.(.*)/"} if name == "lane" else {}),
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _panel(i: int, panel: Panel) -> Json:
    return {
        "id": i + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "gridPos": {"x": i % ACROSS * WIDTH, "y": i // ACROSS * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "table", "placement": "right", "calcs": ["lastNotNull", "max"]}},
        "targets": [
            {"refId": chr(ord("A") + n), "expr": expr, "legendFormat": legend, "datasource": SOURCE}
            for n, (expr, legend) in enumerate(panel.queries)
        ],
    }
