#!/bin/bash
# Copies the closed binary logs that the archive does not have yet: run each five minutes, they are the recovery point.
# HOST, PORT, USER_NAME, MYSQL_PWD as for mysql-dump.sh. TO: a folder. KEEP_DAYS.
set -euo pipefail
to=${TO:?}/binlogs
mkdir -p "$to"
binlog=$(command -v mariadb-binlog || command -v mysqlbinlog) || { echo "mariadb-binlog is not installed" >&2; exit 1; }
client=$(command -v mariadb || command -v mysql) || { echo "mariadb is not installed" >&2; exit 1; }
connect=(--host="${HOST:?}" --port="${PORT:-3306}" --user="${USER_NAME:-ims_backup}" --protocol=tcp)

"$client" "${connect[@]}" -e 'FLUSH BINARY LOGS'
mapfile -t logs < <("$client" "${connect[@]}" -BNe 'SHOW BINARY LOGS' | cut -f 1)
unset 'logs[-1]' # still being written
copied=0
for log in "${logs[@]}"; do
    [ -e "$to/$log" ] && continue
    "$binlog" --read-from-remote-server --raw --result-file="$to/.part-" "${connect[@]}" "$log"
    mv "$to/.part-$log" "$to/$log"
    copied=$((copied + 1))
done
echo "$copied new binary logs, ${#logs[@]} on the server"
find "$to" -type f -mtime "+${KEEP_DAYS:-15}" -delete
