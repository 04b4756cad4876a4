#!/usr/bin/env bash
# Check every folder of the repository, or fuse the demo with every method: see --help.
set -u

usage() {
    cat <<'END'
usage: bash run_all.sh                       check everything
       bash run_all.sh FOLDER ...            check these: methods, benchmark, common_data, tests
       bash run_all.sh demo                  fuse the demo scenes with every method and draw
                                             contact_sheet.png
       bash run_all.sh --update [METHOD ...] store new figures in the methods' regression.json
       bash run_all.sh --help

It works in the active virtual environment, else in .venv, which the first call makes, and needs
Python 3.10 or later. Packages are installed when requirements.txt has changed since the last call.

Each folder is byte-compiled, linted and tested. A method is tested in a copy of its folder that
stands alone; there it also trains an epoch on the demo scenes, resumes to a second one and fuses
the scenes with its shipped weights, and what comes out is compared with its regression.json
(tolerances: tools/regression.py). The copy is removed. A failure does not stop the rest.
The last line is "N passed, N failed", tests and other steps together. The exit status is 1 if
anything failed and 2 if the call was wrong.
END
}

die() {
    echo "error: $1" >&2
    exit 2
}

# ---------------------------------------------------------------- environment

set_up() {
    local venv=${VIRTUAL_ENV:-$top/.venv}
    local stamp=$venv/installed-requirements.txt
    python=$venv/bin/python
    scratch=$(mktemp -d) || die "cannot make a temporary folder"
    log=$scratch/log
    trap 'rm -rf -- "$scratch"' EXIT
    trap 'exit 130' INT TERM
    if [ ! -x "$python" ]; then
        need_310 python3
        python3 -m venv "$venv" || { rm -rf -- "$venv" && die "python3 cannot make $venv"; }
    fi
    need_310 "$python"
    cmp -s requirements.txt "$stamp" && return
    echo "Installing requirements.txt into $venv; this takes minutes the first time ..."
    "$python" -m pip install -r requirements.txt >"$log" 2>&1 ||
        { tail -n 20 "$log" && die "pip cannot install requirements.txt"; }
    cp requirements.txt "$stamp"
}

need_310() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
        die "Python 3.10 or later is needed, $1 is: $("$1" --version 2>&1)"
}

# ---------------------------------------------------------------- steps

# step FOLDER NAME COMMAND ...: run a command and note how it went.
step() {
    local folder=$1 name=$2 start=$SECONDS status result=passed
    shift 2
    echo "-- $folder: $name"
    "$@" >"$log" 2>&1
    status=$?
    if [ "$name" = tests ]; then
        count_tests $status
    elif [ $status -eq 0 ]; then
        passed=$((passed + 1))
    else
        result=FAILED
        failed=$((failed + 1))
    fi
    [ $status -eq 0 ] || tail -n 80 "$log"
    table+=$(printf '%-16s %-11s %7d  %s' "$folder" "$name" $((SECONDS - start)) "$result")$'\n'
}

# count_tests STATUS: add up pytest's closing line and put it into $result.
count_tests() {
    local word number broken=0
    result=$(grep -E ' in [0-9.]+s' "$log" | tail -n 1 | tr -d '=')
    [ "$1" -ne 0 ] || echo "$result"
    for word in passed failed error skipped; do
        number=$(grep -oE "[0-9]+ $word" <<<"$result" | head -n 1)
        number=${number%% *}
        case $word in
            passed) passed=$((passed + ${number:-0})) ;;
            skipped) skipped=$((skipped + ${number:-0})) ;;
            *) broken=$((broken + ${number:-0})) ;;
        esac
    done
    [ "$1" -ne 0 ] && [ $broken -eq 0 ] && broken=1 # pytest itself failed
    failed=$((failed + broken))
    [ $broken -eq 0 ] || result="FAILED: $result"
}

within() (cd -- "$1" && shift && "$@")

check_style() { # FOLDER PATH ...
    local folder=$1
    shift
    step "$folder" compile "$python" -m compileall -q "$@"
    step "$folder" format "$python" -m ruff format --quiet --diff "$@"
    step "$folder" lint "$python" -m ruff check "$@"
}

mypy() {
    "$python" -m mypy --config-file "$top/pyproject.toml" "$@"
}

method_types() { # in the method's folder
    mypy ./*.py utils
}

pytest() {
    "$python" -m pytest -o addopts=-q "$@" # just once: doubled, it leaves the closing line out
}

# ---------------------------------------------------------------- folders

# method_flags METHOD: put what it trains on in a moment into $data, how long, and then on, into
# $short and $longer, and what it fuses into $sources.
method_flags() {
    data=(--image_path "$demo/ir_vis/vis" --crop_size 64 --sampling crop --batch_size 1)
    short=(--num_epochs 1)
    longer=(--num_epochs 2)
    sources=(--ir "$demo/ir_vis/ir" --vis "$demo/ir_vis/vis")
    case $1 in
        DeepFuse_*)
            data=(--image_path "$demo/exposures" --patches 8)
            sources=(--scene_dir "$demo/exposures")
            ;;
        NestFuse_*) data+=(--ssim ssim) ;;
        U2Fusion_*)
            data=(--tasks ivif mef mff --ivif_path "$demo/ir_vis" --mef_path "$demo/exposures"
                --mff_path "$demo/ir_vis/vis" --patches 8 --vgg_weights "$scratch/vgg.safetensors")
            ;;
        BFFR_*)
            data=(--data_root "$demo/ir_vis" --crop_size 96 128 --stage1_batch 1 --stage2_batch 2
                --warmup_iters 1 --num_workers 0)
            short=(--stage1_iters 2 --stage2_iters 1)
            longer=(--stage1_iters 2 --stage2_iters 2)
            ;;
    esac
}

check_method() {
    local method=$1 home=$scratch/alone/$1 fused=$scratch/fused run data short longer sources
    method_flags "$method"
    mkdir "$scratch/alone"
    # Without the user's own images and what commands wrote; with the data beside the repository
    # that some tests use if it is there.
    tar -cf - --exclude='__pycache__' --exclude='.*_cache' --exclude='runs' --exclude='data_*' \
        --exclude='fusion_result' --exclude='fusion_test_data' --exclude="$method/data" \
        --exclude='pretrain' --exclude='work_dirs' --exclude='seg_result' -- "$method" |
        tar -xf - -C "$scratch/alone"
    [ -d ../shared ] && ln -sf "$(cd ../shared && pwd)" "$scratch/shared"
    if [ -z "$update" ]; then
        check_style "$method" "$method"
        step "$method" types within "$method" method_types
        step "$method" tests within "$home" pytest
    fi
    data+=(--device cpu)
    case $method in
        U2Fusion_*) # VGG16 itself would have to be downloaded
            step "$method" stand-in within "$home" "$python" -m utils.vgg \
                --stand_in "$scratch/vgg.safetensors"
            ;;
    esac
    step "$method" train within "$home" "$python" run_train.py "${data[@]}" \
        "${short[@]}"
    run=$(echo "$home"/runs/*)
    step "$method" resume within "$home" "$python" run_train.py "${data[@]}" \
        "${longer[@]}" --resume_path "$run"
    step "$method" fuse within "$home" "$python" run_fusion.py "${sources[@]}" \
        --output "$fused" --device cpu
    case $method in
        BFFR_*)
            step "$method" evaluate within "$home" "$python" tools/test_fuser_segmenter.py \
                configs/fuser_segmenters/transfuser_segformer_mit-b0_preavgfuser6.py weights \
                --eval mIoU --cfg-options test_dataloader.dataset.data_root="$demo/ir_vis"
            step "$method" segment within "$home" "$python" run_fusion.py "${sources[@]}" \
                --output "$scratch/segmented" --segment --device cpu
            ;;
    esac
    step "$method" regression "$python" tools/regression.py "$method" \
        --fused "$fused" --run "$run" $update
    rm -rf -- "$scratch/alone" "$fused"
}

check_folder() {
    check_style "$1" "$1"
    [ "$1" != benchmark ] || step "$1" types within "$1" mypy --exclude '^tests/' .
    step "$1" tests within "$1" pytest
}

check_top() {
    check_style tests tests tools common_code
    step tests types mypy tools/*.py
    step tests copies "$python" tools/sync.py --check
    step tests tests pytest tests
}

draw_demo() {
    local method status=0
    for method in "${methods[@]}"; do
        echo "== $method"
        within "$method" "$python" run_fusion.py || status=1
    done
    "$python" tools/contact_sheet.py "${methods[@]}" || status=1
    exit $status
}

# ---------------------------------------------------------------- main

cd -- "$(dirname -- "$0")" || die "cannot enter the repository"
top=$PWD
demo=$top/common_data/demo
methods=(*_20[0-9][0-9])
others=(benchmark common_data tests)
passed=0 failed=0 skipped=0 table='' update=''

case ${1-} in
    -h | --help) usage && exit ;;
    demo)
        [ $# -eq 1 ] || die "demo takes no arguments, see --help"
        set_up
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
set_up
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
