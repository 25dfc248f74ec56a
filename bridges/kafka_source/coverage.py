"""Whether a source's group may not know of all partitions that its topics have.

Only the group's leader looks for partitions that a topic gains, and a static member that came back in its former place
is not told that it leads (JoinGroup 7 names its former self): such a group would read the new partitions at its next
rebalance only, whenever that is. So every member looks for itself, and joins once more when it sees more than before.
From a member that does not lead, the broker takes that as a question and repeats its assignment; for the one that does
lead, it assigns anew. So a topic that grows costs one rebalance, however many members see it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kafka import TopicPartition


class Coverage:
    """How many partitions of each topic the group is known to have heard of, since this member came."""

    def __init__(self) -> None:
        self._heard: dict[str, int] = {}

    def lacks(self, counts: Mapping[str, int], mine: Collection[TopicPartition]) -> bool:
        """Whether to join once more: topics have more partitions than the group has heard of, and not all are `mine`.

        `counts`: partitions by topic, without topics that are not to be seen at the moment. Each growth is told once.
        Who has just come has heard of nothing: a topic may have grown while it was away.
        """
        grown = {topic: count for topic, count in counts.items() if count > self._heard.get(topic, 0)}
        self._heard |= grown
        return any(TopicPartition(topic, p) not in mine for topic, count in grown.items() for p in range(count))
