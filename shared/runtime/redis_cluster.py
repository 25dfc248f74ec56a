"""The asynchronous client of a Redis Cluster; apart, since importing it is dear and most processes have one server."""

from __future__ import annotations

from redis import asyncio


class FoundAgain(asyncio.RedisCluster):
    """Asks for the nodes by the address that it was given, and by those that it knew when that one does not answer.

    redis-py asks either the one (`dynamic_startup_nodes=False`, to be given) or the others. The first does not find a
    cluster whose one named node is down, the second none whose nodes have all moved: pods get other addresses, and the
    name of their Service is all that lasts.
    """

    async def initialize(
        self,
        additional_startup_nodes_info: list[tuple[str, int]] | None = None,
        last_failed_node_name: str | None = None,
    ) -> asyncio.RedisCluster:
        """As the client's own; harmless when repeated."""
        known = [(str(node.host), int(node.port)) for node in self.nodes_manager.nodes_cache.values()]
        return await super().initialize([*(additional_startup_nodes_info or ()), *known], last_failed_node_name)
