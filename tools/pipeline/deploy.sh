#!/bin/bash
# Rolls an overlay out with the images of build/images.txt: schema first, then functions, until all are Ready.
#   tools/pipeline/deploy.sh OVERLAY      DRY_RUN=1: only asks the API server. SKIP_SCHEMA=1: migrations/ were run by you
set -euo pipefail
cd "$(dirname "$0")/../.."
overlay=${1:?dev, kind, node or prod}
folder=build/deploy/$overlay
mkdir -p "$folder"
{
    printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n'
    printf 'resources: [../../../knative/overlays/%s]\nimages:\n' "$overlay"
    while IFS='=' read -r name reference; do
        # an overlay may have renamed the image already: both names lead to the same
        for known in "$name" "dev.local/$name" "kind.local/$name"; do
            printf '  - {name: %s, newName: %s, digest: "%s"}\n' "$known" "${reference%@*}" "${reference#*@}"
        done
    done <build/images.txt
} >"$folder/kustomization.yaml"

if [ "${DRY_RUN:-}" = 1 ]; then
    kubectl apply -k "$folder" --server-side --force-conflicts --dry-run=server --field-manager=ims-check
    exit
fi
if [ "${SKIP_SCHEMA:-}" != 1 ]; then
    kubectl -n ims-data delete job flyway --ignore-not-found
    kubectl apply -k infra/flyway
    kubectl -n ims-data wait --for=condition=complete job/flyway --timeout=10m
fi
kubectl -n ims delete job topics --ignore-not-found # a Job cannot be changed, and its settings may have been
kubectl apply -k "$folder"
kubectl -n ims wait --for=condition=Ready ksvc --all --timeout=10m || {
    why='.status.conditions[?(@.type=="Ready")]'
    kubectl -n ims get ksvc -o "custom-columns=NAME:.metadata.name,READY:$why.status,WHY:$why.message" >&2
    exit 1
}
sources=$(kubectl -n ims get kafkasource -o name) # none with components/own-sources
[ -z "$sources" ] || kubectl -n ims wait --for=condition=Ready kafkasource --all --timeout=5m
kubectl -n ims rollout status deployment --timeout=5m
