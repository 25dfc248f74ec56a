#!/bin/bash
# All databases with the writes made meanwhile (--oplog), from a secondary. URI with ims_backup's account. TO, KEEP.
set -euo pipefail
to=${TO:?}/mongodb
mkdir -p "$to"
name=$to/ims-$(date -u +%Y%m%dT%H%M%SZ).archive.gz
trap 'rm -f "$name.part"' EXIT
mongodump --uri="${URI:?}" --readPreference=secondaryPreferred --oplog --gzip --archive="$name.part"
mv "$name.part" "$name"
echo "$name: $(stat -c %s "$name") bytes"
find "$to" -name 'ims-*.archive.gz' | sort | head -n "-${KEEP:-14}" | xargs -r rm -f
