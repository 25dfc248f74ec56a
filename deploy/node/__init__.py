"""A Kubernetes of one node with Knative on this machine, for trying the manifests for real: `make cluster`.

No container engine and no downloaded image is needed: containerd, runc, buildah and the base of the images are
Debian's, everything else is built from Go modules. It lives in a network namespace of its own, from which nothing
leads outside.

Not here: Knative's Kafka source (no module of it is to be had; knative/components/own-sources takes its place), a load
balancer, and storage classes. kube-router enforces the NetworkPolicies.
"""
