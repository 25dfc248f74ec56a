#!/bin/bash
# A roll-out in steps by Knative's traffic split, for all functions at once: requests and events alike go by it.
#   canary.sh start       before the roll-out: everything stays where it is: after a rollback on what that went back to,
#                         otherwise on the revisions that are Ready now. When there are none, this is the first roll-out:
#                         all traffic goes to it, and weight, judge and rollback have nothing to do
#   canary.sh weight 10   10 % to the new revisions
#   canary.sh judge       fails when a new revision fails more often than LIMIT (0.02), of those with at least LEAST (20)
#                         events or requests in five minutes; PROMETHEUS_URL
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

ask() { # PromQL: the first value and its revision, or nothing
    curl -sS --fail --get "${PROMETHEUS_URL:?}/api/v1/query" --data-urlencode "query=$1" |
        python3 -c 'import json, sys
for first in json.load(sys.stdin)["data"]["result"][:1]: print(first["value"][1], first["metric"].get("revision", ""))'
}

candidates() { # the newest revisions, where they are not what there was
    local service revision
    for service in $(services); do
        revision=$(get "$service" '{.status.latestCreatedRevisionName}')
        [ "$revision" = "$(get "$service" "$stable_of")" ] || echo "$revision"
    done
}

judge() {
    later || return 0
    local names seen metric name all share worst
    names=$(candidates | paste -sd '|')
    [ -n "$names" ] || { echo "no function has a new revision"; return 0; }
    seen=$(ask "count(count by (revision) (up{revision=~\"$names\"} == 1))")
    [ -n "$seen" ] || { echo "Prometheus sees none of the new revisions" >&2; exit 1; }
    for metric in "ims_events_total:result!=\"done\"" "ims_http_requests_total:status=~\"5..\""; do
        name=${metric%%:*} all="revision=~\"$names\""
        read -r share worst < <(ask "topk(1, sum by (revision) (rate(${name}{$all,${metric#*:}}[5m]))
            / (sum by (revision) (rate(${name}{$all}[5m]))
            and sum by (revision) (increase(${name}{$all}[5m])) >= ${LEAST:-20}))") || true
        [[ -n $share && $share != NaN ]] || share=0
        echo "$name: of no new revision fail more than $share${worst:+ ($worst)}; ${seen%% *} new revisions are seen"
        python3 -c 'import sys; sys.exit(not float(sys.argv[1]) <= float(sys.argv[2]))' "$share" "${LIMIT:-0.02}"
    done
}

case ${1:-} in
start | promote | rollback | judge) "$1" ;;
weight) weight "${2:?percent}" ;;
*) sed -n '2,10s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
