"""The only place that knows functions-framework, CloudEvents, Kafka, settings, logs and metrics."""

from shared.runtime.context import Context
from shared.runtime.events import event_function
from shared.runtime.http import Route, http_function

__all__ = ["Context", "Route", "event_function", "http_function"]
