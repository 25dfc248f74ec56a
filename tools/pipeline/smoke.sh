#!/bin/bash
# One message of a test key goes the whole way: accepted, sent to the simulator, delivered. IMS_URL, IMS_TEST_KEY.
set -euo pipefail
: "${IMS_URL:?the gateway}" "${IMS_TEST_KEY:?an ims_test_ key}"
[[ $IMS_TEST_KEY == ims_test_* ]] || { echo "a live key would send a real message" >&2; exit 1; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)'"$1"')'; }
call() { curl -sS --fail-with-body --max-time 20 -H "authorization: Bearer $IMS_TEST_KEY" "$@"; }

answer=$(call "$IMS_URL/v1/mt/messages" -H 'content-type: application/json' -H "idempotency-key: smoke-$(date +%s)-$$" \
    -d "{\"sender\": \"${SENDER:-0215441234}\", \"text\": \"smoke\", \"recipients\": [{\"to\": \"${TO:-01012345678}\"}]}")
id=$(field '["messages"][0]["message_id"]' <<<"$answer")
for _ in $(seq "${SECONDS_TO_WAIT:-60}"); do
    status=$(call "$IMS_URL/v1/messages/$id" | field '["status"]')
    case $status in
    delivered) echo "$id delivered" && exit 0 ;;
    failed | canceled) echo "$id $status" >&2 && exit 1 ;;
    esac
    sleep 1
done
echo "$id is still $status" >&2
exit 1
