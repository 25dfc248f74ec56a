#!/bin/bash
# Fails when an image of build/images.txt has a grave weakness that has a remedy; writes build/sbom/*.json beside.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p build/sbom
while IFS='=' read -r name reference; do
    trivy image --quiet --exit-code 1 --severity HIGH,CRITICAL --ignore-unfixed "$reference"
    trivy image --quiet --format cyclonedx --output "build/sbom/${name#ims/}.json" "$reference"
done <build/images.txt
