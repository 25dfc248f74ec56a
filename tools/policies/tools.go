//go:build tools

// Package tools names the program that deploy/node builds from a Go module.
package tools

import _ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
