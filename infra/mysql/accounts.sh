#!/bin/bash
# Accounts with the least that each needs. The image runs it once, on a new data folder, before anyone can connect.
# Passwords come from the environment; none may hold a quote or a backslash. CLIENT: the client with its options.
set -euo pipefail
read -ra client <<<"${CLIENT:-mariadb -uroot -p$MARIADB_ROOT_PASSWORD}"

for name in IMS MIGRATE REPL BACKUP EXPORTER; do
    variable="${name}_PASSWORD"
    [[ ${!variable:?} != *[\'\\]* ]] || { echo "$variable holds a quote or a backslash" >&2; exit 1; }
done

"${client[@]}" <<SQL
SET SESSION sql_log_bin=0;
CREATE DATABASE IF NOT EXISTS ims CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE USER IF NOT EXISTS 'ims'@'%' IDENTIFIED BY '$IMS_PASSWORD';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES ON ims.* TO 'ims'@'%';
CREATE USER IF NOT EXISTS 'ims_migrate'@'%' IDENTIFIED BY '$MIGRATE_PASSWORD';
GRANT ALL ON ims.* TO 'ims_migrate'@'%';
CREATE USER IF NOT EXISTS 'ims_repl'@'%' IDENTIFIED BY '$REPL_PASSWORD';
GRANT REPLICATION SLAVE ON *.* TO 'ims_repl'@'%';
CREATE USER IF NOT EXISTS 'ims_backup'@'%' IDENTIFIED BY '$BACKUP_PASSWORD';
GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON ims.* TO 'ims_backup'@'%';
GRANT RELOAD, PROCESS, REPLICATION CLIENT, REPLICATION SLAVE ON *.* TO 'ims_backup'@'%';
CREATE USER IF NOT EXISTS 'ims_exporter'@'%' IDENTIFIED BY '$EXPORTER_PASSWORD' WITH MAX_USER_CONNECTIONS 3;
GRANT PROCESS, REPLICATION CLIENT /*M!100509 , SLAVE MONITOR */ ON *.* TO 'ims_exporter'@'%';
SQL
