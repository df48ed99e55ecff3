#!/usr/bin/env bash
# Installs what reads deployment files as the real tools do, once a version: install-kubeconform.sh FOLDER
#
# kubeconform checks Kubernetes manifests, kustomize puts them together, compose-spec is the reader of Docker Compose. The schemas that kubeconform
# would download from GitHub come from PyPI: kubernetes-validate holds those of every release.
set -euo pipefail
folder=$1
wanted='kubeconform v0.8.0 kustomize v5.8.2 compose-go v2.16.2 kubernetes-validate 1.37.0'
[ "$(cat "$folder/wanted" 2>/dev/null)" = "$wanted" ] && exit
command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
command -v go >/dev/null || { echo 'kubeconform needs Go 1.25 or newer: install it from https://go.dev/dl' >&2; exit 1; }
rm -rf "$folder"
mkdir -p "$folder"
export GOBIN GOFLAGS=-trimpath
GOBIN=$(realpath "$folder")
again() { bash "$(dirname "$0")/again.sh" "$@"; }
again go install github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
again go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.2
# Its program is called cmd.
GOBIN=$GOBIN/compose-spec again go install github.com/compose-spec/compose-go/v2/cmd@v2.16.2
mv "$folder/compose-spec/cmd" "$folder/compose" && rmdir "$folder/compose-spec"
pip=$(command -v pip3 || command -v pip)
again "$pip" -q download --no-deps --dest "$folder" kubernetes-validate==1.37.0
# Of the oldest and the newest release that the manifests are for. Each schema gets the definitions that it needs: kubeconform follows no references
# into other files.
python3 - "$folder" <<'PYTHON'
import glob, json, os, sys, zipfile

folder = sys.argv[1]
wheel, = glob.glob(folder + '/kubernetes_validate-*.whl')
ELSEWHERE = '/api/_definitions.json'


def names(value):
    """Names of the definitions that a schema refers to."""
    if isinstance(value, dict):
        reference = value.get('$ref')
        if isinstance(reference, str):
            yield reference.split('#/$defs/')[1]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from names(item)


with zipfile.ZipFile(wheel) as archive:
    for release in ('1.30', '1.37'):
        at = f'kubernetes_validate/kubernetes-json-schema/v{release}.0-local-strict/'
        definitions = json.loads(archive.read(at + '_definitions.json'))['$defs']
        out = os.path.join(folder, 'schemas', release)
        os.makedirs(out)
        for name in archive.namelist():
            if not name.startswith(at) or name.endswith('/_definitions.json'):
                continue
            schema = json.loads(archive.read(name))
            if 'x-kubernetes-group-version-kind' not in schema:
                continue
            needed, left = {}, list(names(schema))
            while left:
                one = left.pop()
                if one not in needed:
                    needed[one] = definitions[one]
                    left.extend(names(needed[one]))
            text = json.dumps({**schema, '$defs': needed}).replace(ELSEWHERE, '')
            with open(os.path.join(out, os.path.basename(name)), 'w') as file:
                file.write(text)
PYTHON
rm "$folder"/*.whl
echo "$wanted" >"$folder/wanted"
