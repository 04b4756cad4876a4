#!/usr/bin/env bash
# Check every folder of the repository, or fuse the demo with every method: see --help.
set -u

usage() {
    cat <<'END'
usage: bash run_all.sh                       check everything
       bash run_all.sh FOLDER ...            check these: methods, and other folders with tests
       bash run_all.sh demo                  fuse the demo scenes with every method into
                                             demo_result/ and draw contact_sheet.png
       bash run_all.sh --update [METHOD ...] store new figures in the methods' regression.json
       bash run_all.sh --help

It works in the active virtual environment, else in .venv, which the first call makes, and needs
Python 3.10 or later. Packages are installed when their list has changed since the last call:
requirements.txt for the demo, requirements-dev.txt for the checks.

The steps of each folder are style, types and tests. A method, which is a folder <name>_<year>, is
tested in a copy that stands alone. There its smoke.sh trains for a moment, resumes, and fuses the
demo scenes with the shipped weights; what comes out is compared with the method's regression.json
(tolerances: tools/regression.py). A failure does not stop the rest.
The last line is "N passed, N failed", tests and other steps together. The exit status is 1 if
anything failed, and 2 if the call was wrong or the packages are missing.
END
}

die() {
    echo "error: $1" >&2
    exit 2
}

# ---------------------------------------------------------------- environment

set_up() { # LIST: of packages
    local venv=${VIRTUAL_ENV:-$REPOSITORY/.venv} list
    export PYTHON=$venv/bin/python
    export MYPY_CACHE_DIR=${MYPY_CACHE_DIR-$venv/mypy_cache} # one, so that torch is read once
    scratch=$(mktemp -d) || die "cannot make a temporary folder"
    log=$scratch/log
    trap 'rm -rf -- "$scratch"' EXIT
    trap 'exit 130' INT TERM
    if [ ! -x "$PYTHON" ]; then
        need_310 python3
        python3 -m venv "$venv" || { rm -rf -- "$venv" && die "python3 cannot make $venv"; }
    fi
    need_310 "$PYTHON"
    for list in requirements.txt "$1"; do
        cmp -s "$list" "$venv/installed-$list" && continue
        echo "Installing $list into $venv; the first time, PyTorch takes gigabytes and minutes ..."
        "$PYTHON" -m pip install -r "$list" >"$log" 2>&1 ||
            { tail -n 20 "$log" && die "pip cannot install $list"; }
        cp "$list" "$venv/installed-$list"
    done
}

need_310() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
        die "Python 3.10 or later is needed, $1 is: $("$1" --version 2>&1)"
}

# ---------------------------------------------------------------- steps

# step FOLDER NAME COMMAND ...: run a command, note how it went, and count it; tests one by one.
step() {
    local folder=$1 name=$2 start=$SECONDS status result good=1 bad=0
    shift 2
    echo "-- $folder: $name"
    "$@" >"$log" 2>&1
    status=$?
    if [ "$name" = tests ]; then
        result=$(grep -E ' in [0-9.]+s' "$log" | tail -n 1)
        good=$(number passed) bad=$(($(number failed) + $(number error)))
        skipped=$((skipped + $(number skipped)))
    else
        result=passed
        [ $status -eq 0 ] || good=0
    fi
    if [ $status -ne 0 ]; then
        tail -n 80 "$log"
        result="FAILED ${result#passed}"
        [ "$bad" -gt 0 ] || bad=1 # or pytest itself failed
    fi
    passed=$((passed + good)) failed=$((failed + bad))
    table+=$(printf '%-16s %-11s %7d  %s' "$folder" "$name" $((SECONDS - start)) "$result")$'\n'
}

number() { # WORD: of so many tests pytest's closing line, in $result, says that
    if [[ $result =~ ([0-9]+)" $1" ]]; then echo "${BASH_REMATCH[1]}"; else echo 0; fi
}

within() (cd -- "$1" && shift && "$@")

check_style() { # PATH ...
    "$PYTHON" -m ruff format --quiet --diff "$@" && "$PYTHON" -m ruff check "$@"
}

check_types() { # PATH ...
    "$PYTHON" -m mypy --config-file "$REPOSITORY/pyproject.toml" "$@"
}

check_spelling() {
    git ls-files -z | xargs -0r "$PYTHON" -m codespell_lib
}

run_tests() { # PATH; addopts just once: doubled, -q leaves the closing line out
    OMP_NUM_THREADS=1 "$PYTHON" -m pytest -o addopts=-q -n 2 --dist loadgroup "$@"
}

# ---------------------------------------------------------------- folders

check_folder() { # FOLDER [COPY]: the tests run in the copy, if there is one
    step "$1" style check_style "$1"
    if [ -f "$1/__init__.py" ]; then # a package is imported by its name, from above
        step "$1" types check_types "$1"
    else
        step "$1" types within "$1" check_types .
    fi
    step "$1" tests within "${2-$1}" run_tests tests
}

check_method() {
    local method=$1 home=$scratch/alone/$1 fused=$scratch/fused
    mkdir "$scratch/alone"
    files_of "$method" | tar -cf - --null -T - | tar -xf - -C "$scratch/alone"
    [ -n "$update" ] || check_folder "$method" "$home"
    OUT=$fused step "$method" smoke within "$home" bash smoke.sh
    step "$method" regression "$PYTHON" tools/regression.py "$method" \
        --fused "$fused" --runs "$home/runs" $update
    rm -rf -- "$scratch/alone" "$fused"
}

files_of() { # FOLDER: what belongs to the repository, not what commands or users have put there
    git ls-files -z --cached --others --exclude-standard -- "$1" 2>/dev/null ||
        find "$1" -type f -print0
}

check_top() {
    step tests style check_style tests tools common_code hubconf.py
    step tests types check_types tests tools hubconf.py
    step tests copies "$PYTHON" tools/sync.py --check
    step tests spelling check_spelling
    step tests tests run_tests tests
}

draw_demo() {
    local method status=0
    rm -rf -- demo_result
    for method in "${methods[@]}"; do
        echo "== $method"
        OUT=$REPOSITORY/demo_result/$method within "$method" bash smoke.sh fuse_demo || status=1
    done
    "$PYTHON" tools/contact_sheet.py demo_result || status=1
    exit $status
}

# ---------------------------------------------------------------- main

cd -- "$(dirname -- "$0")" || die "cannot enter the repository"
export REPOSITORY=$PWD DEMO=$PWD/common_data/demo
reference=("$PWD"/../*/reference_weights) # beside the repository, see CONTRIBUTING.md
export REFERENCE_DATA=${REFERENCE_DATA-${reference[0]%/*}}
methods=(*_20[0-9][0-9])
others=()
for folder in */tests apps/*/tests tests; do
    [ -d "$folder" ] || continue # no apps
    folder=${folder%/tests}
    [[ " ${methods[*]} " == *" $folder "* ]] || others+=("$folder")
done
passed=0 failed=0 skipped=0 table='' update=''

case ${1-} in
    -h | --help) usage && exit ;;
    demo)
        [ $# -eq 1 ] || die "demo takes no arguments, see --help"
        echo "Fuses the demo scenes with ${#methods[@]} methods into demo_result/," \
            "then draws contact_sheet.png."
        set_up requirements.txt
        draw_demo
        ;;
    --update)
        shift
        update=--update
        others=()
        [ $# -gt 0 ] || set -- "${methods[@]}"
        ;;
esac
[ $# -gt 0 ] || set -- "${methods[@]}" "${others[@]}"
for folder; do
    [[ " ${methods[*]} ${others[*]-} " == *" $folder "* ]] ||
        die "no folder '$folder' to check; there are: ${methods[*]} ${others[*]-}"
done
set_up requirements-dev.txt
for folder; do
    case $folder in
        *_20[0-9][0-9]) check_method "$folder" ;;
        tests) check_top ;;
        *) check_folder "$folder" ;;
    esac
done

printf '\n%-16s %-11s %7s  %s\n%s\n' folder step seconds result "$table"
[ $skipped -eq 0 ] && skipped='' || skipped=", $skipped skipped"
echo "$passed passed, $failed failed$skipped"
[ $failed -eq 0 ]
