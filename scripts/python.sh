#!/bin/sh
# Runs its arguments with the newest Python on this machine that can build a virtual environment.
# PYTHON=/path/to/python overrides the choice.
set -u

suits() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

can_build() {
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1
}

without_venv=""
for python in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3 python}; do
    suits "$python" || continue
    can_build "$python" && exec "$python" "$@"
    without_venv=${without_venv:-$python}
done

if [ -n "$without_venv" ]; then
    version=$("$without_venv" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "Python $version is here, but without its venv module: install it" \
        "(Debian, Ubuntu: apt-get install python$version-venv) and run the command again." >&2
elif [ -n "${PYTHON:-}" ]; then
    echo "PYTHON=$PYTHON is not a Python 3.11 or newer: set it to one, or unset it." >&2
else
    echo "Lifecycle needs Python 3.11 or newer, and none was found on the PATH:" \
        "install one, or set PYTHON=/path/to/python3." >&2
fi
exit 1
