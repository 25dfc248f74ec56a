#!/bin/bash
# On the replica's new data folder, after accounts.sh: follow the primary from its first write. SOURCE_HOST, SOURCE_PORT.
set -euo pipefail
read -ra client <<<"${CLIENT:-mariadb -uroot -p$MARIADB_ROOT_PASSWORD}"

"${client[@]}" <<SQL
SET SESSION sql_log_bin=0;
RESET MASTER;
SET GLOBAL gtid_slave_pos='';
CHANGE MASTER TO master_host='${SOURCE_HOST:?}', master_port=${SOURCE_PORT:-3306}, master_user='ims_repl',
  master_password='$REPL_PASSWORD', master_use_gtid=slave_pos, master_connect_retry=5;
START SLAVE;
SQL
