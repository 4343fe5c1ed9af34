#!/bin/sh
# Installs the Debian packages named after it that are missing: sh tools/packages.sh gcc meson …
# A command of a package's name that comes from elsewhere (npm with another nodejs) is as good.
# As root directly, else with sudo.
set -eu
missing=
for package; do
  dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok installed' || command -v "$package" >/dev/null ||
    missing="$missing $package"
done
[ -n "$missing" ] || exit 0
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
echo "installing:$missing"
$as_root apt-get update -q >/dev/null
# shellcheck disable=SC2086  # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
