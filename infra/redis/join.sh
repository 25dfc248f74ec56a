#!/bin/sh
# Makes one cluster of nodes that have never joined: the first half are primaries, each with a replica. Again: no harm.
# PEERS: host:port of all nodes; REDIS_PASSWORD.
set -eu
export REDISCLI_AUTH="$REDIS_PASSWORD"

ask() {
    peer=$1
    shift
    redis-cli -h "${peer%:*}" -p "${peer#*:}" "$@"
}

for peer in $PEERS; do
    until ask "$peer" ping 2>/dev/null | grep -q PONG; do
        echo "waiting for $peer"
        sleep 1
    done
done

known=0
addresses=""
for peer in $PEERS; do
    ask "$peer" cluster info | grep -q '^cluster_known_nodes:1.$' || known=1
    addresses="$addresses $(getent hosts "${peer%:*}" | awk '{print $1; exit}'):${peer#*:}"
done
if [ "$known" = 0 ]; then
    # shellcheck disable=SC2086 # one word an address
    redis-cli --cluster create $addresses --cluster-replicas 1 --cluster-yes
fi

tries=0
for peer in $PEERS; do
    until ask "$peer" cluster info | grep -q '^cluster_state:ok'; do
        tries=$((tries + 1))
        [ "$tries" -lt 60 ] || { echo "the cluster does not become whole" >&2; exit 1; }
        sleep 1
    done
done
echo "the cluster is whole"
