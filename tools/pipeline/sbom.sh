#!/bin/bash
# What IMS is made of, as CycloneDX: build/sbom/python.json (what runs in an image), build/sbom/python-all.json (and what it is
# developed and tested with), from the locked requirements with their hashes. No image is needed. The tool lives in a
# virtual environment that is thrown away, so it is no part of what it describes.
set -euo pipefail
cd "$(dirname "$0")/../.."
tool=cyclonedx-bom==7.5.0
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"${PYTHON:-python3}" -m venv "$place"
"$place/bin/pip" install --quiet --disable-pip-version-check "$tool"
mkdir -p build/sbom

describe() { # requirements, name of the file
    "$place/bin/cyclonedx-py" requirements "$1" --pyproject pyproject.toml --short-PURLs --output-reproducible \
        --spec-version 1.6 --validate --output-file "build/sbom/$2.json"
    echo "build/sbom/$2.json: $(grep -c '"purl"' "build/sbom/$2.json") packages"
}

describe docker/requirements.lock python
describe requirements.lock python-all
