#!/bin/bash
# The newest archive (or ARCHIVE) into an empty replica set. URI: an account that may restore. FROM: the backups' folder.
set -euo pipefail
archive=${ARCHIVE:-$(find "${FROM:?}/mongodb" -name 'ims-*.archive.gz' | sort | tail -n 1)}
[ -n "$archive" ] || { echo "there is no archive in $FROM/mongodb" >&2; exit 1; }
echo "restoring $archive"
mongorestore --uri="${URI:?}" --oplogReplay --gzip --archive="$archive"
