"""tools/check_isa.py tells wide instructions, in machine code made here, from those in their place."""

import subprocess

import check_isa
import pytest

SOURCE = """\
#include <immintrin.h>
namespace skald::kernels {
#define WIDE __attribute__((target("avx2,bmi2"), noinline, used))
namespace avx2 { namespace {
template <class T> WIDE T sum(const T* x) {
  return [x](int i) WIDE { return _mm256_loadu_ps(x + 8 * i)[0]; }(1);
}
} WIDE float call(const float* x) { return sum(x); } }
#ifdef LEAK
template <class T> struct Box { WIDE float get(const float* x) const { return _mm256_loadu_ps(x)[0]; } };
namespace avx2 { struct Tag {}; }
float leak(const float* x) { return Box<avx2::Tag>{}.get(x); }
#endif
}
int plain(int x) { return x + 1; }
"""


def compile_to(folder, *flags):
    source, made = folder / "a.cc", folder / "a.o"
    source.write_text(SOURCE)
    subprocess.run(["g++", "-std=c++20", "-O1", *flags, "-c", source, "-o", made], check=True)
    return str(made)


def test_wide_code_in_its_namespace_passes(tmp_path, capsys):
    assert check_isa.check(compile_to(tmp_path)) == []
    assert "3 in the namespaces" in capsys.readouterr().err


def test_wide_code_elsewhere_is_found(tmp_path):
    found = check_isa.check(compile_to(tmp_path, "-DLEAK"))
    assert len(found) == 1
    assert "skald::kernels::Box<skald::kernels::avx2::Tag>::get(float const*) const: vmov" in found[0]


def test_a_file_without_code_is_refused(tmp_path):
    (tmp_path / "a.o").write_bytes(b"nothing")
    assert "objdump failed" in check_isa.check(str(tmp_path / "a.o"))[0]


@pytest.mark.parametrize(
    ("instruction", "wide"),
    [
        ("vfmadd231ps %ymm1,%ymm2,%ymm3", True),
        ("vmovss (%rax),%xmm0", True),
        ("kmovw  %eax,%k1", True),
        ("tileloadd (%rax,%rbx,1),%tmm0", True),
        ("{evex} vpdpbusd %xmm0,%xmm1,%xmm2", True),
        ("bzhi   %eax,%edx,%eax", True),
        ("mulps  %xmm1,%xmm0", False),
        ("mul    %rdx", False),
        ("tzcnt  %eax,%eax", False),
        ("verw   (%rax)", False),
        ("call   1234 <vector_push>", False),
    ],
)
def test_instructions(instruction, wide):
    assert check_isa.is_wide(instruction) == wide
