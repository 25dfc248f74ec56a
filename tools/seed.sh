#!/bin/bash
# The demo account of the local platform, put into a development cluster whose vendors are the simulator (never into
# production). Keys and secrets land in OUT (build/cluster): test_key, live_key and webhook_secret in demo.json.
# MYSQL_URL: reach the database by this instead of by a port-forward. SIMULATOR=0: there is no simulator to be told.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-build/cluster}
mkdir -p "$out"
if [ -z "${MYSQL_URL:-}" ]; then
    kubectl -n ims-data port-forward svc/mysql 23306:3306 >/dev/null &
    trap 'kill %1' EXIT
    until (exec 3<>/dev/tcp/127.0.0.1/23306) 2>/dev/null; do
        kill -0 %1 2>/dev/null || { echo "the port-forward to svc/mysql ended" >&2; exit 1; }
        sleep 0.5
    done
    MYSQL_URL=mysql+pymysql://ims:ims@127.0.0.1:23306/ims
fi
export IMS_HOME=$out IMS_MYSQL_URL=$MYSQL_URL IMS_VENDOR_URL=http://simulator.ims.svc.cluster.local
export IMS_REDIS_URL=redis://redis.ims-data.svc.cluster.local:6379
export IMS_KAFKA_BOOTSTRAP=ims-kafka-bootstrap.ims-data.svc.cluster.local:9092
python() { .venv/bin/python -c "$1" "$out"; }
python 'import os; from local.options import options; from local.seed import seed; seed(options(), os.environ)'
[ "${SIMULATOR:-1}" = 0 ] || kubectl -n ims set env deployment/simulator "IMS_SIM_SECRETS=$(
    python 'from local.options import options; from local.seed import simulator_secrets; print(simulator_secrets(options()))'
)"
[ "${SIMULATOR:-1}" = 0 ] || kubectl -n ims rollout status deployment/simulator --timeout=2m >&2
python 'import json, sys; print("test key:", json.load(open(sys.argv[1] + "/demo.json"))["test_key"])'
