#!/bin/bash
# Makes the replica set and its accounts once; again it changes nothing. Until the first account is there, MongoDB lets
# a client in from the same pod only: so this runs in a container of the first member's pod.
set -euo pipefail
export HOME=/tmp
[[ ${HOSTNAME} == *-0 ]] || exec sleep infinity
until mongosh --quiet --eval 'db.adminCommand("ping").ok' | grep -q 1; do sleep 1; done
if ! mongosh --quiet admin -u root -p "$ROOT_PASSWORD" --eval 'rs.status().ok' 2>/dev/null | grep -q 1; then
    cat >/tmp/initiate.js <<'JS'
const env = process.env, admin = db.getSiblingDB("admin");
const members = [0, 1, 2].map(i => ({_id: i, host: `mongodb-${i}.mongodb-nodes:27017`, priority: i ? 1 : 2}));
try { rs.initiate({_id: "ims", members}); } catch (error) { if (error.codeName !== "AlreadyInitialized") throw error; }
while (!db.hello().isWritablePrimary) sleep(500);
admin.createUser({user: "root", pwd: env.ROOT_PASSWORD, roles: ["root"]});
admin.auth("root", env.ROOT_PASSWORD);
admin.createUser({user: "ims", pwd: env.IMS_PASSWORD, roles: [{role: "readWrite", db: "ims"}]});
admin.createUser({user: "ims_backup", pwd: env.BACKUP_PASSWORD, roles: ["backup", "restore"]});
JS
    mongosh --quiet /tmp/initiate.js
    rm /tmp/initiate.js
fi
exec sleep infinity
