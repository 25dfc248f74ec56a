"""What an answer means, by KafkaSource's rules (docs: eventing-kafka-broker, delivery)."""

from __future__ import annotations

from enum import Enum

RETRIED_4XX = frozenset({404, 408, 409, 429})


class Verdict(Enum):
    """What happens to the record next."""

    DONE = "done"
    RETRY = "retry"
    DEAD = "dead"


def verdict(status: int) -> Verdict:
    """Any status ≥ 300 is a failure; 5xx and a few 4xx are tried again, the others go to the dead letter at once."""
    if status < 300:
        return Verdict.DONE
    return Verdict.RETRY if status >= 500 or status in RETRIED_4XX else Verdict.DEAD


def delay(failures: int, unit: float) -> float:
    """Seconds before the next try after so many failures: linear, as `backoffPolicy: linear`.

    `Retry-After` is not read, as KafkaSource does not: who answers 503 for long is asked ever more rarely anyway.
    """
    return unit * failures
