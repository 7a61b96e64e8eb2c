#!/bin/sh
# Debian's Chromium, for the tests of the HTML pages. Installed where that can be; elsewhere this says why not, and the
# tests say what they skipped. With CI=true a browser that is missing is an error.
command -v chromium >/dev/null && exit 0
if ! command -v apt-get >/dev/null; then
    why="there is no apt-get"
elif [ "$(id -u)" != 0 ]; then
    why="only root can install it: apt-get install chromium"
elif apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; then
    exit 0
else
    why="apt-get could not install it"
fi
echo "no Chromium, the tests in a browser are skipped: $why" >&2
[ "$CI" != true ]
