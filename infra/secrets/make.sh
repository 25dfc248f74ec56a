#!/bin/bash
# Writes infra/secrets/plain/*.env with random passwords, where there are none yet; the object store's stays to be filled.
set -euo pipefail
cd "$(dirname "$0")/plain"
umask 077

random() { head -c 32 /dev/urandom | base64 | tr -dc 'A-Za-z0-9' | cut -c 1-32; }
value() { sed -n "s/^$2=//p" "$1.env"; }

for example in mysql redis mongodb backup watch mail; do
    [ -e "$example.env" ] && continue
    while IFS= read -r line; do
        [ "$example" = backup ] && echo "$line" || echo "${line/CHANGE_ME/$(random)}"
    done <"$example.env.example" >"$example.env"
done
if [ ! -e ims.env ]; then
    mysql=$(value mysql ims) redis=$(value redis password)
    sed -e "/MYSQL/s/CHANGE_ME/$mysql/" -e "/REDIS/s/CHANGE_ME/$redis/" ims.env.example >ims.env
fi
[ -e keys.env ] || sed "s|^IMS_SECRET_KEYS=$|&$(head -c 32 /dev/urandom | base64 -w 0)|" keys.env.example >keys.env
if [ ! -e stats.env ]; then
    hosts=$(for i in 0 1 2; do echo -n "mongodb-$i.mongodb-nodes.ims-data.svc.cluster.local:27017,"; done)
    url="mongodb://ims:$(value mongodb ims)@${hosts%,}/ims?replicaSet=ims"
    sed "s|^IMS_MONGODB_URL=$|&${url//&/\\&}|" stats.env.example >stats.env
fi
grep -l CHANGE_ME ./*.env | sed 's/^/still to be filled: /' || true
