#!/bin/sh
# Pin every dependency with its hashes. The files name versions and hashes alone: no index, no address.
set -eu
cd "$(dirname "$0")/.."
lock() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links "$@"
}
lock pyproject.toml requirements/build.in --output-file requirements/runtime.txt
lock --extra test pyproject.toml requirements/build.in --output-file requirements/test.txt
lock requirements/node.in --output-file requirements/node.txt
if grep -nE "https?://|file:|--index|--find-links|--extra-index" requirements/*.txt; then
    echo "a lock file names an address" >&2
    exit 1
fi
