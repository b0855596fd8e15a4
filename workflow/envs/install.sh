#!/bin/sh
# Installs segmake with the exact versions of requirements.lock. `make env`, the Dockerfile and segmake.def run this.
#   workflow/envs/install.sh FOLDER EXTRAS [--editable]
set -eu
checkout=$(cd "$(dirname "$0")/../.." && pwd)
folder=$1
extras=$2
shift 2
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "segmake needs Python 3.11 or newer")'
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
	--constraint "$checkout/requirements.lock" "$@" "$checkout[$extras]"
