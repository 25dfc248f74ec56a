#!/bin/bash
# On the primary's new data folder, after accounts.sh: what was written until now is on the replica already.
set -euo pipefail
read -ra client <<<"${CLIENT:-mariadb -uroot -p$MARIADB_ROOT_PASSWORD}"
"${client[@]}" -e "RESET MASTER"
