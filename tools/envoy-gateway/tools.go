//go:build tools

// Package tools names the programs that deploy/node builds from Go modules.
package tools

import _ "github.com/envoyproxy/gateway/cmd/envoy-gateway"
