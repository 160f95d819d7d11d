#!/bin/bash
# Gives the images of both processors their names: 1.2.3, 1.2 and latest for the tag v1.2.3, and 1.3.0-rc.1 alone for v1.3.0-rc.1.
# Takes AMD64 and ARM64, the digests; leaves name and digest of what they make together.
set -euo pipefail
name="ghcr.io/${GITHUB_REPOSITORY,,}"
version="${GITHUB_REF_NAME#v}"
written=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
[ "$version" = "$written" ] || { echo "The tag is v$version, but package.json has $written." >&2; exit 1; }
tags=("$version")
case "$version" in *-*) ;; *) tags+=("${version%.*}" latest) ;; esac
docker buildx imagetools create "${tags[@]/#/--tag=$name:}" "$name@$AMD64" "$name@$ARM64"
digest=$(docker buildx imagetools inspect "$name:$version" --format '{{.Manifest.Digest}}')
printf 'name=%s\ndigest=%s\n' "$name" "$digest" >> "$GITHUB_OUTPUT"
