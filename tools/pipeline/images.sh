#!/bin/bash
# Builds and pushes the image of every function and of the bridges, each with its SBOM and provenance, and writes
# build/images.txt: one "ims/route=REGISTRY/ims/route@sha256:…" a line.
# REGISTRY; VERSION (the tag); BASE (python by digest); SIGN=1 to sign with cosign, by the key COSIGN_KEY (COSIGN_PASSWORD)
# or, without one, by the pipeline's own identity; DRY_RUN=1 to print the commands only.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${REGISTRY:?where the images go}" "${VERSION:?the tag}" "${BASE:?the Python image by digest}"
[[ $BASE == *@sha256:* ]] || { echo "BASE must name a digest" >&2; exit 1; }
mkdir -p build/metadata
: >build/images.txt

run() {
    if [ "${DRY_RUN:-}" = 1 ]; then echo "$*"; else "$@"; fi
}

build() { # name, arguments of buildx
    local name=$1 metadata=build/metadata/$1.json digest=sha256:dry-run
    shift
    run docker buildx build --pull --platform "${PLATFORMS:-linux/amd64}" --sbom=true --provenance=mode=max --push \
        --build-arg "BASE=$BASE" --label "org.opencontainers.image.version=$VERSION" \
        --label "org.opencontainers.image.revision=$(git rev-parse HEAD)" \
        --metadata-file "$metadata" --tag "$REGISTRY/ims/$name:$VERSION" "$@" .
    [ "${DRY_RUN:-}" = 1 ] || digest=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["containerimage.digest"])' "$metadata")
    echo "ims/$name=$REGISTRY/ims/$name@$digest" >>build/images.txt
    [ "${SIGN:-}" != 1 ] || run cosign sign --yes ${COSIGN_KEY:+--key "$COSIGN_KEY"} "$REGISTRY/ims/$name@$digest"
}

[ "${DRY_RUN:-}" = 1 ] || [ -f functions/console/dist/index.html ] || { echo "the console is not built: make console" >&2; exit 1; }
for folder in functions/*/; do
    function=$(basename "$folder")
    [ -f "$folder/main.py" ] && build "${function//_/-}" --build-arg "FUNCTION=$function"
done
build bridges --file Dockerfile.bridge
