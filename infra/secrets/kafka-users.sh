#!/bin/bash
# Copies each function's Kafka user, which Strimzi keeps in ims-data, to where the function and its source read it.
# Run it after the users are Ready and after a password changed. With External Secrets it is not needed.
#   infra/secrets/kafka-users.sh [NAMESPACE]
set -euo pipefail
to=${1:-ims}
data=ims-data
ca=$(mktemp)
trap 'rm -f "$ca"' EXIT
kubectl -n "$data" get secret ims-cluster-ca-cert -o 'go-template={{index .data "ca.crt" | base64decode}}' >"$ca"
for user in $(kubectl -n "$data" get kafkausers.kafka.strimzi.io -l app.kubernetes.io/part-of=ims,app.kubernetes.io/component=user \
    -o 'jsonpath={.items[*].metadata.name}'); do
    password=$(kubectl -n "$data" get secret "$user" -o 'go-template={{.data.password | base64decode}}')
    kubectl -n "$to" create secret generic "$user" --dry-run=client -o yaml \
        --from-literal=user="$user" --from-file=password=<(printf %s "$password") \
        --from-literal=sasl.mechanism=SCRAM-SHA-512 --from-literal=protocol=SASL_SSL --from-file=ca.crt="$ca" |
        kubectl apply --server-side --force-conflicts --field-manager=ims-secrets -f -
done
