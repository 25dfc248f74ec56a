#!/bin/bash
# One consistent dump of the database, without locking it, with the position from which the binary logs go on.
# HOST, PORT, USER_NAME, MYSQL_PWD: an account with the rights of ims_backup. TO: a folder. KEEP: how many dumps stay.
set -euo pipefail
to=${TO:?}/dumps
mkdir -p "$to"
dump=$(command -v mariadb-dump || command -v mysqldump) || { echo "mariadb-dump is not installed" >&2; exit 1; }
client=$(command -v mariadb || command -v mysql) || { echo "mariadb is not installed" >&2; exit 1; }
connect=(--host="${HOST:?}" --port="${PORT:-3306}" --user="${USER_NAME:-ims_backup}" --protocol=tcp)
position=(--master-data=2 --gtid)
"$client" "${connect[@]}" -BNe 'SELECT VERSION()' | grep -qi mariadb || position=(--source-data=2 --set-gtid-purged=OFF)

name=$to/ims-$(date -u +%Y%m%dT%H%M%S%NZ).sql.gz
trap 'rm -f "$name.part"' EXIT
"$dump" "${connect[@]}" --single-transaction --quick --hex-blob --routines --triggers --events "${position[@]}" ims | gzip -1 >"$name.part"
zcat "$name.part" | tail -n 3 | grep -q -- '-- Dump completed' || { echo "the dump is not complete" >&2; exit 1; }
mv "$name.part" "$name"
echo "$name: $(stat -c %s "$name") bytes"
find "$to" -name 'ims-*.sql.gz' | sort | head -n "-${KEEP:-14}" | xargs -r rm -f
