#!/bin/sh
# Runs one node. A pod that comes back has another address: it introduces itself to the nodes that it can find by name,
# and says its own, or it would go on telling clients the old one.
# REDIS_PASSWORD; PEERS: host:port of all nodes; REDIS_CONF: the configuration; POD_IP: this node's address.
set -eu

introduce() {
    export REDISCLI_AUTH="$REDIS_PASSWORD"
    until redis-cli -p "${REDIS_PORT:-6379}" ping 2>/dev/null | grep -q PONG; do sleep 1; done
    redis-cli -p "${REDIS_PORT:-6379}" cluster info | grep -q '^cluster_known_nodes:1' && return 0
    for peer in $PEERS; do
        address=$(getent hosts "${peer%:*}" | awk '{print $1; exit}') || continue
        [ -z "$address" ] || redis-cli -p "${REDIS_PORT:-6379}" cluster meet "$address" "${peer#*:}" >/dev/null || true
    done
}

introduce &
exec redis-server "${REDIS_CONF:-/etc/redis/redis.conf}" --cluster-announce-ip "$POD_IP" \
    --requirepass "$REDIS_PASSWORD" --masterauth "$REDIS_PASSWORD"
