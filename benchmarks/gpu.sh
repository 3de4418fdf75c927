#!/bin/sh
# Measures kmlc's models beside timm's on a machine with a GPU and PyTorch or JAX (benchmarks/gpu.py).
#
#     sh benchmarks/gpu.sh [--model resnet50 ...]      # writes gpu-torch.csv and gpu-jax.csv
#     WHEELS=DIR sh benchmarks/gpu.sh                  # without a network: packages are wheels in DIR
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
# What the models import, in the versions of requirements.txt: neither TensorFlow nor tensorflow-text, on which
# keras-hub depends; NumPy comes with PyTorch and JAX.
names='keras|keras-hub|absl-py|namex|rich|markdown-it-py|mdurl|pygments|h5py|optree|ml-dtypes|packaging'
names="$names|typing-extensions|regex|tokenizers|jsonargparse|docstring-parser|typeshed-client|pyyaml"
packages=$(grep -oE "^($names)==[0-9a-z.]+" requirements.txt)
# shellcheck disable=SC2086 # lists of words
"$python" -m pip install --quiet --no-deps --target "$site" ${WHEELS:+--no-index --find-links "$WHEELS"} $packages
export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
found=0
for backend in torch jax; do
  if "$python" -c "import $backend" 2>/dev/null; then
    found=1
    KERAS_BACKEND=$backend "$python" -m benchmarks.gpu --csv "gpu-$backend.csv" "$@"
  fi
done
[ "$found" = 1 ] || { echo "gpu.sh: neither PyTorch nor JAX can be imported by $python" >&2; exit 2; }
