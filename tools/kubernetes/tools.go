//go:build tools

// Package tools names the programs that deploy/cluster.py builds from Go modules.
package tools

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
