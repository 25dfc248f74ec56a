#!/bin/sh
# Runs one member. The key file may be read by its owner only, and a Secret's files belong to root: so a copy.
set -eu
umask 077
printf '%s' "$KEYFILE" >/tmp/keyfile
# A backup reads all collections at one moment, which must stay readable until it ends: an hour.
exec mongod --replSet ims --bind_ip_all --keyFile /tmp/keyfile --dbpath /data/db --wiredTigerCacheSizeGB "${CACHE_GB:-1}" \
    --setParameter minSnapshotHistoryWindowInSeconds=3600
