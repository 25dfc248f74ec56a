#!/bin/bash
# One message of a test key goes the whole way: accepted, sent to the simulator, delivered. IMS_URL, IMS_TEST_KEY.
# Without a gateway before both APIs: IMS_REPORT_URL (of api-report; otherwise IMS_URL), and IMS_HOST, IMS_REPORT_HOST, the
# names by which Knative's ingress tells them apart.
set -euo pipefail
: "${IMS_URL:?the gateway}" "${IMS_TEST_KEY:?an ims_test_ key}"
[[ $IMS_TEST_KEY == ims_test_* ]] || { echo "a live key would send a real message" >&2; exit 1; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)'"$1"')'; }
call() { # host or nothing, arguments of curl
    curl -sS --fail-with-body --max-time 65 -H "authorization: Bearer $IMS_TEST_KEY" ${1:+-H "host: $1"} "${@:2}"
}

answer=$(call "${IMS_HOST:-}" "$IMS_URL/v1/mt/messages" -H 'content-type: application/json' -H "idempotency-key: smoke-$(date +%s)-$$" \
    -d "{\"sender\": \"${SENDER:-0215441234}\", \"text\": \"smoke\", \"recipients\": [{\"to\": \"${TO:-01012345678}\"}]}")
id=$(field '["messages"][0]["message_id"]' <<<"$answer")
for _ in $(seq "${SECONDS_TO_WAIT:-60}"); do
    status=$(call "${IMS_REPORT_HOST:-}" "${IMS_REPORT_URL:-$IMS_URL}/v1/messages/$id" | field '["status"]')
    case $status in
    delivered) echo "$id delivered" && exit 0 ;;
    failed | canceled) echo "$id $status" >&2 && exit 1 ;;
    esac
    sleep 1
done
echo "$id is still $status" >&2
exit 1
