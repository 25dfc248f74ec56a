#!/bin/bash
# Restores the newest dump (or DUMP) and, after it, what the archived binary logs hold, up to STOP_AT (UTC,
# "2026-01-31 12:00:00") when it is given. The target must hold no `ims` with tables in it: nothing is overwritten.
# HOST, PORT, USER_NAME, MYSQL_PWD: the target; an account with all rights, made for this. FROM: the backups' folder.
set -euo pipefail
from=${FROM:?}
client=$(command -v mariadb || command -v mysql) || { echo "mariadb is not installed" >&2; exit 1; }
binlog=$(command -v mariadb-binlog || command -v mysqlbinlog) || { echo "mariadb-binlog is not installed" >&2; exit 1; }
connect=(--host="${HOST:?}" --port="${PORT:-3306}" --user="${USER_NAME:-ims_restore}" --protocol=tcp)
sql() { "$client" "${connect[@]}" "$@"; }

dump=${DUMP:-$(find "$from/dumps" -name 'ims-*.sql.gz' | sort | tail -n 1)}
[ -n "$dump" ] || { echo "there is no dump in $from/dumps" >&2; exit 1; }
tables=$(sql -BNe "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'ims'")
[ "$tables" = 0 ] || { echo "the target has $tables tables in ims: drop the database first" >&2; exit 1; }

echo "restoring $dump"
sql -e 'CREATE DATABASE IF NOT EXISTS ims CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci'
zcat "$dump" | sql --max-allowed-packet=64M ims

# The dump's header names the log and position that it was taken at.
read -r log position < <(zcat "$dump" | head -n 80 |
    sed -nE "s/^-- CHANGE (MASTER|REPLICATION SOURCE) TO (MASTER|SOURCE)_LOG_FILE='([^']+)', (MASTER|SOURCE)_LOG_POS=([0-9]+);.*/\3 \5/p")
[ -n "${position:-}" ] || { echo "the dump names no position" >&2; exit 1; }
mapfile -t logs < <(find "$from/binlogs" -type f -not -name '.part-*' 2>/dev/null | sort | awk -F/ -v first="$log" '$NF >= first')
if [ "${#logs[@]}" -gt 0 ]; then
    [ "$(basename "${logs[0]}")" = "$log" ] || { echo "the archive lacks $log" >&2; exit 1; }
    echo "replaying ${#logs[@]} binary logs from $log at $position${STOP_AT:+ until $STOP_AT}"
    TZ=UTC "$binlog" --database=ims --start-position="$position" ${STOP_AT:+--stop-datetime="$STOP_AT"} "${logs[@]}" |
        LC_ALL=C sed '/^\/\*M\?!100001 SET @@session.gtid_seq_no=/d' | sql --binary-mode # its own numbers: the old ones are not in order here
fi
echo "restored: $(sql -BNe 'SELECT COUNT(*) FROM ims.messages') messages, the latest accepted at $(sql -BNe 'SELECT FROM_UNIXTIME(MAX(accepted_ms) / 1000) FROM ims.requests')"
