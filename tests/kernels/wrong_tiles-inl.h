// Tiles that compute wrongly: for the check at start.

namespace skald::kernels::SKALD_ISA {
namespace {

/// Takes bytes of weights as unsigned.
class WrongBytes : public ModelTiles {
 public:
  using ModelTiles::ModelTiles;
  template <int C, int A, int B>
  void multiply_bytes() {
    multiply_kinds<C, A, B, std::uint8_t>();
  }
};

/// Forgets what a sum was before.
class WrongBf16 : public ModelTiles {
 public:
  using ModelTiles::ModelTiles;
  template <int C, int A, int B>
  void multiply() {
    zero<C>();
    ModelTiles::multiply<C, A, B>();
  }
};

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
