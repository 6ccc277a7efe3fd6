#!/usr/bin/env bash
# All that can be said of the sources without running them; `./dev lint` installs what it needs and calls it.
#   tools/lint.sh FIX [FILE.cc...]      FIX: yes formats in place first; FILES: clang-tidy only these
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fix=$1; shift
failed=0

stage() {  # stage NAME COMMAND...
  local begin=$SECONDS name=$1; shift
  if "$@"; then echo "lint: $name: ok ($((SECONDS - begin)) s)"; else echo "lint: $name: FAILED"; failed=1; fi
}
sources() { find include src cli tests bench fuzz -name "$1" -not -path "*/data/*" | sort; }

headers_alone() {  # every header compiles with nothing before it; parts that are included several times have no guard
  sources '*.h' | grep -v '^tests/' | xargs grep -l '^#pragma once' | xargs -P "$(nproc)" -I {} \
    g++ -std=c++20 -Wall -Wextra -Werror -fsyntax-only -Iinclude -Isrc -I. -x c++ -include {} /dev/null
}
format() {
  { sources '*.cc'; sources '*.h'; find python -name '*.cc' -o -name '*.h'; } | xargs clang-format-14 "$@"
}
tidy() {
  if [[ $# == 0 ]]; then mapfile -t files < <(find src cli -name '*.cc' | sort); else files=("$@"); fi
  printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 1 clang-tidy-14 --quiet -p build/release 2> /dev/null
}

if [[ $fix == yes ]]; then
  format -i
  ruff check -q --fix
  ruff format -q
fi
stage "clang-format" format --dry-run -Werror
stage "ruff check" ruff check -q
stage "ruff format" ruff format --check -q
stage "shell syntax" bash -n dev .ci/run tools/*.sh
stage "layers" /usr/bin/python3 tools/check_layers.py
stage "sizes" /usr/bin/python3 tools/check_sizes.py
stage "headers compile alone" headers_alone
stage "clang-tidy" tidy "$@"
exit $failed
