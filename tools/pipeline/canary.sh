#!/bin/bash
# A roll-out in steps by Knative's traffic split, for all functions at once: requests and events alike go by it.
#   canary.sh start       before the roll-out: everything stays where it is: after a rollback on what that went back to,
#                         otherwise on the revisions that are Ready now. When there are none, this is the first roll-out:
#                         all traffic goes to it, and weight, judge and rollback have nothing to do
#   canary.sh weight 10   10 % to the new revisions
#   canary.sh judge       fails when the new revisions fail more often than LIMIT (0.02); PROMETHEUS_URL
#   canary.sh promote     everything to the newest, and to whatever comes after it
#   canary.sh rollback    everything back to the revisions that `start` remembered
set -euo pipefail
namespace=${NAMESPACE:-ims}
selector=app.kubernetes.io/part-of=ims
first=${STATE:-$(dirname "$0")/../../build/canary}/$namespace.first
stable_of='{.spec.traffic[?(@.tag=="stable")].revisionName}'

services() { kubectl -n "$namespace" get ksvc -l "$selector" -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}'; }
get() { kubectl -n "$namespace" get ksvc "$1" -o "jsonpath=$2"; }
traffic() { kubectl -n "$namespace" patch ksvc "$1" --type merge -p "{\"spec\":{\"traffic\":[$2]}}"; }
split() { # service, stable revision, weight of the newest
    traffic "$1" "{\"revisionName\":\"$2\",\"percent\":$((100 - $3)),\"tag\":\"stable\"},{\"latestRevision\":true,\"percent\":$3,\"tag\":\"candidate\"}"
}
# A command for each service with the revision that `start` remembered. One that is newer has nothing to go back to.
each() {
    local service revision names known=0
    names=$(services)
    for service in $names; do
        revision=$(get "$service" "$stable_of")
        if [ -z "$revision" ]; then echo "$service is new"; continue; fi
        "$1" "$service" "$revision" "${@:2}"
        known=1
    done
    [ "$known" = 1 ] || { echo "there was no \`canary.sh start\`" >&2; return 1; }
}
back() { traffic "$1" "{\"revisionName\":\"$2\",\"percent\":100,\"tag\":\"stable\"}"; }

start() {
    local service revision names known=0
    names=$(services)
    for service in $names; do
        revision=$(get "$service" "$stable_of")
        [ -n "$revision" ] || revision=$(get "$service" '{.status.latestReadyRevisionName}')
        if [ -z "$revision" ]; then echo "$service is new"; continue; fi
        split "$service" "$revision" 0
        known=1
    done
    rm -f "$first"
    [ "$known" = 1 ] || { mkdir -p "$(dirname "$first")" && touch "$first" && echo "this is the first roll-out"; }
}

later() { # whether there is something to go back to: `start` found a Ready revision
    [ ! -e "$first" ] || { echo "first roll-out: nothing to go back to" && return 1; }
}

weight() {
    [[ $1 =~ ^[0-9]+$ && $1 -le 100 ]] || { echo "a weight is a number from 0 to 100" >&2; exit 1; }
    later || return 0
    each split "$1"
}

promote() {
    local service names
    names=$(services)
    for service in $names; do traffic "$service" '{"latestRevision":true,"percent":100}'; done
    rm -f "$first"
}

rollback() {
    later || return 0
    each back
}

ask() { # PromQL: the first value, or nothing
    curl -sS --fail --get "${PROMETHEUS_URL:?}/api/v1/query" --data-urlencode "query=$1" |
        python3 -c 'import json, sys; r = json.load(sys.stdin)["data"]["result"]; print(r[0]["value"][1] if r else "")'
}

judge() {
    later || return 0
    names=$(for service in $(services); do get "$service" '{.status.latestCreatedRevisionName}' && echo; done | paste -sd '|')
    seen=$(ask "count(up{revision=~\"$names\"} == 1)")
    [ -n "$seen" ] || { echo "Prometheus sees none of the new revisions" >&2; exit 1; }
    for metric in "ims_events_total:result!=\"done\"" "ims_http_requests_total:status=~\"5..\""; do
        name=${metric%%:*} bad=${metric#*:}
        share=$(ask "sum(rate(${name}{revision=~\"$names\",$bad}[5m])) / sum(rate(${name}{revision=~\"$names\"}[5m]))")
        [[ -n $share && $share != NaN ]] || share=0
        echo "$name of the new revisions: $share fail ($seen replicas)"
        python3 -c 'import sys; sys.exit(not float(sys.argv[1]) <= float(sys.argv[2]))' "$share" "${LIMIT:-0.02}"
    done
}

case ${1:-} in
start | promote | rollback | judge) "$1" ;;
weight) weight "${2:?percent}" ;;
*) sed -n '2,9s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
