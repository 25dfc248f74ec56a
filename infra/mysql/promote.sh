#!/bin/bash
# On the replica, once its primary has been stopped for good: apply all that it has received, then take writes.
# Do not restart the replica and do not stop its threads before: MariaDB, following by GTID, throws away what it has
# received and not applied as soon as one thread starts while both are stopped, and so does RESET SLAVE.
set -euo pipefail
read -ra client <<<"${CLIENT:-mariadb -uroot -p$MARIADB_ROOT_PASSWORD}"

ask() { "${client[@]}" --batch --skip-column-names -e "$1"; }
status() { "${client[@]}" -e "SHOW SLAVE STATUS\G" | sed -n "s/^ *$1: *//p"; }
fail() { echo "$1" >&2; exit 1; }

received=$(status Gtid_IO_Pos) applied=$(ask "SELECT @@gtid_slave_pos")
[ -n "$received" ] || fail "this server follows no primary"
echo "received: $received; applied: $applied"
if [ "$received" != "$applied" ]; then
  running="$(status Slave_IO_Running) $(status Slave_SQL_Running)"
  [ "$running" != "No No" ] || fail "both threads are stopped: copy the data folder before anything starts them"
  ask "START SLAVE SQL_THREAD"
  [ "$(ask "SELECT MASTER_GTID_WAIT('$received', ${PATIENCE_SECONDS:-600})")" = 0 ] ||
    fail "not applied yet: SHOW SLAVE STATUS says why; run this again"
fi
ask "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only=OFF"
echo "promoted at $received"
