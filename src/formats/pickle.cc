#include "formats/pickle.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/bounded_reader.h"
#include "base/utf8.h"

namespace skald {
namespace {

constexpr std::size_t kMaxValues = std::size_t{4} << 20;
constexpr std::size_t kMaxNames = std::size_t{1} << 16;
constexpr int kMaxDepth = 256;
constexpr std::size_t kMaxNameBytes = 256;

}  // namespace

std::string_view pickle_kind_name(PickleKind kind) {
  constexpr std::array<std::string_view, 12> kNames = {"None",   "a boolean", "an integer", "a number",
                                                       "a text", "bytes",     "a tuple",    "a list",
                                                       "a dict", "a set",     "a name",     "an object"};
  return kNames[static_cast<std::size_t>(kind)];
}

double Pickle::real(PickleId id) const { return std::bit_cast<double>(values_[id].integer); }

std::string_view Pickle::text(PickleId id) const {
  const Value& value = values_[id];
  const auto part = bytes_.subspan(static_cast<std::size_t>(value.integer), value.number);
  return {reinterpret_cast<const char*>(part.data()), part.size()};
}

std::span<const PickleId> Pickle::items(PickleId id) const { return containers_[values_[id].number]; }

const PickleId* Pickle::find(PickleId id, std::string_view key) const {
  if (kind(id) != PickleKind::dict) return nullptr;
  const std::span<const PickleId> all = items(id);
  for (std::size_t i = all.size(); i >= 2; i -= 2) {
    if (kind(all[i - 2]) == PickleKind::text && text(all[i - 2]) == key) return &all[i - 1];
  }
  return nullptr;
}

class PickleMachine final : public PickleStack {
 public:
  PickleMachine(Pickle& out, std::uint64_t offset, PickleMaker& maker)
      : out_(out), in_(out.file_, out.bytes_, offset), offset_(offset), maker_(maker) {}

  void run() {
    while (!stopped_) {
      opcode_at_ = in_.offset();
      const auto opcode = in_.read<std::uint8_t>("pickle");
      const Opcode& known = opcode_of(opcode);
      opcode_ = known.name;
      if (known.run == nullptr) refuse_opcode(opcode);
      (this->*known.run)();
    }
    if (in_.remaining() != 0) fail(std::to_string(in_.remaining()) + " bytes follow the end of the pickle");
    if (stack_.size() != 1 || !marks_.empty()) fail("the pickle must leave one value");
    out_.root_ = stack_[0];
  }

  const Pickle& values() const override { return out_; }
  PickleId add_object(std::uint32_t number) override { return add({.kind = PickleKind::object, .number = number}); }
  PickleId add_none() override { return add({}); }
  PickleId add_container(PickleKind kind, std::span<const PickleId> items) override {
    const auto number = static_cast<std::uint32_t>(out_.containers_.size());
    out_.containers_.emplace_back();
    const PickleId id = add({.kind = kind, .depth = 1, .number = number});
    append(id, items);
    return id;
  }

 private:
  using Value = Pickle::Value;
  struct Opcode {
    std::uint8_t code = 0;
    std::string_view name = {};              // empty: there is none
    void (PickleMachine::*run)() = nullptr;  // nullptr: not allowed
  };

  static const Opcode& opcode_of(std::uint8_t code);
  static std::vector<Opcode> plain_values();
  static std::vector<Opcode> containers_and_names();
  static std::vector<Opcode> refused();

  [[noreturn]] void refuse_opcode(std::uint8_t code) const {
    if (opcode_.empty()) {
      throw FormatError({.file = out_.file_,
                         .offset = opcode_at_,
                         .rule = "corrupt pickle: there is no opcode " + std::to_string(code)});
    }
    throw UnsupportedError({.file = out_.file_,
                            .offset = opcode_at_,
                            .rule = "pickle opcode " + std::string(opcode_) + " is not allowed" + what_is_called()});
  }

  // For the opcodes that would make an object of a class: which one.
  [[nodiscard]] std::string what_is_called() const {
    for (const std::size_t below : {std::size_t{2}, std::size_t{1}}) {
      if (stack_.size() < below || out_.kind(stack_[stack_.size() - below]) != PickleKind::name) continue;
      const Pickle::Name named = out_.name(stack_[stack_.size() - below]);
      return ": it would make " + quoted(std::string(named.module) + "." + std::string(named.name));
    }
    return "";
  }

  [[nodiscard]] FormatError error(std::string rule) const override {
    return FormatError({.file = out_.file_,
                        .offset = opcode_at_,
                        .field = std::string(opcode_),
                        .rule = "corrupt pickle: " + std::move(rule)});
  }

  // --- values

  PickleId add(const Value& value) {
    if (out_.values_.size() >= kMaxValues) {
      throw LimitError({.file = out_.file_,
                        .offset = opcode_at_,
                        .rule = "a pickle has at most " + std::to_string(kMaxValues) + " values"});
    }
    out_.values_.push_back(value);
    return static_cast<PickleId>(out_.values_.size() - 1);
  }

  void append(PickleId container, std::span<const PickleId> items) {
    std::vector<PickleId>& all = out_.containers_[out_.values_[container].number];
    all.insert(all.end(), items.begin(), items.end());
    int depth = out_.values_[container].depth;
    for (const PickleId item : items) depth = std::max(depth, out_.values_[item].depth + 1);
    if (depth > kMaxDepth) {
      throw LimitError({.file = out_.file_,
                        .offset = opcode_at_,
                        .rule = "containers are nested deeper than " + std::to_string(kMaxDepth)});
    }
    out_.values_[container].depth = static_cast<std::uint16_t>(depth);
  }

  void push(PickleId id) { stack_.push_back(id); }
  void push_value(const Value& value) { push(add(value)); }
  void push_integer(std::int64_t value) { push_value({.kind = PickleKind::integer, .integer = value}); }

  PickleId pop() {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() <= floor) fail("needs a value, the stack has none");
    const PickleId id = stack_.back();
    stack_.pop_back();
    return id;
  }

  PickleId top() {
    const PickleId id = pop();
    push(id);
    return id;
  }

  std::vector<PickleId> pop_many(std::size_t n) {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() < floor + n) fail("needs " + std::to_string(n) + " values, the stack has fewer");
    std::vector<PickleId> items(stack_.end() - static_cast<std::ptrdiff_t>(n), stack_.end());
    stack_.resize(stack_.size() - n);
    return items;
  }

  std::vector<PickleId> pop_to_mark() {
    if (marks_.empty()) fail("needs a mark, the stack has none");
    std::vector<PickleId> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }

  // --- words without operands

  void mark() {
    if (marks_.size() >= static_cast<std::size_t>(kMaxDepth)) fail("more than 256 marks");
    marks_.push_back(stack_.size());
  }

  void stop() { stopped_ = true; }

  template <PickleKind kKind>
  void push_empty() {
    push(add_container(kKind, {}));
  }

  template <PickleKind kKind>
  void from_mark() {
    push(add_container(kKind, pop_to_mark()));
  }

  template <std::size_t kCount>
  void tuple() {
    push(add_container(PickleKind::tuple, pop_many(kCount)));
  }

  void expect(PickleId id, PickleKind kind) const {
    if (out_.kind(id) == kind) return;
    fail("needs " + std::string(pickle_kind_name(kind)) + ", not " + std::string(pickle_kind_name(out_.kind(id))));
  }

  void add_items(std::span<const PickleId> items, PickleKind kind) {
    expect(top(), kind);
    if (kind == PickleKind::dict && items.size() % 2 != 0) fail("a key without a value");
    append(top(), items);
  }

  template <PickleKind kKind, std::size_t kCount>
  void add_few() {
    add_items(pop_many(kCount), kKind);
  }

  template <PickleKind kKind>
  void add_marked() {
    add_items(pop_to_mark(), kKind);
  }

  // --- words with operands

  template <typename Length, PickleKind kKind>
  void push_text() {
    const std::uint64_t length = in_.read<Length>(opcode_);
    const std::uint64_t begin = in_.offset() - offset_;
    const std::string_view text = in_.take_text(length, opcode_);
    if (kKind == PickleKind::text && first_invalid_utf8(text) != text.size()) fail("a text is not UTF-8");
    push_value(
        {.kind = kKind, .number = static_cast<std::uint32_t>(length), .integer = static_cast<std::int64_t>(begin)});
  }

  template <typename Number>
  void push_number() {
    push_integer(static_cast<std::int64_t>(in_.read<Number>(opcode_)));
  }

  // Two's complement of any length, little-endian.
  template <typename Length>
  void push_long() {
    const std::uint64_t length = in_.read<Length>(opcode_);
    if (length > 8) fail("an integer of " + std::to_string(length) + " bytes: at most 8 are read");
    const auto bytes = in_.take(length, opcode_);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
    if (length > 0 && length < 8 && (value >> (8 * length - 1)) != 0) value |= ~std::uint64_t{0} << (8 * length);
    push_integer(static_cast<std::int64_t>(value));
  }

  void push_real() {
    std::uint64_t bits = 0;
    for (const std::byte b : in_.take(8, opcode_)) bits = (bits << 8) | std::to_integer<std::uint64_t>(b);
    push_value({.kind = PickleKind::real, .integer = std::bit_cast<std::int64_t>(bits)});
  }

  void push_none() { push(add_none()); }

  template <int kTruth>
  void push_boolean() {
    push_value({.kind = PickleKind::boolean, .integer = kTruth});
  }

  void protocol() {
    const auto number = in_.read<std::uint8_t>(opcode_);
    if (number < 2 || number > 5) fail("protocol " + std::to_string(number) + ": 2 to 5 are read");
  }

  void frame() { in_.expect_room(in_.read<std::uint64_t>(opcode_), 1, "frame"); }

  // --- the memo: pickles number what they may want again, from 0 on

  void remember(std::uint64_t number) {
    if (number > memo_.size()) fail("memo " + std::to_string(number) + " comes before " + std::to_string(memo_.size()));
    if (number == memo_.size()) memo_.push_back(0);
    memo_[number] = top();
  }

  template <typename Number>
  void put() {
    remember(in_.read<Number>(opcode_));
  }

  void memoize() { remember(memo_.size()); }

  template <typename Number>
  void get() {
    const std::uint64_t number = in_.read<Number>(opcode_);
    if (number >= memo_.size()) fail("memo " + std::to_string(number) + " was never set");
    push(memo_[number]);
  }

  // --- names and what is made by them

  void push_name(std::string_view module, std::string_view name) {
    if (!maker_.knows(module, name)) {
      throw UnsupportedError({.file = out_.file_,
                              .offset = opcode_at_,
                              .field = "pickle",
                              .value = quoted(std::string(module) + "." + std::string(name)),
                              .rule = "is no part of a state dict, and is not loaded (nothing was run): only plain "
                                      "data and tensors are read; save model.state_dict(), not the model"});
    }
    if (out_.names_.size() >= kMaxNames) fail("more than 65536 names");
    const auto number = static_cast<std::uint32_t>(out_.names_.size());
    out_.names_.push_back({module, name});
    push_value({.kind = PickleKind::name, .number = number});
  }

  std::string_view take_line() {
    const std::uint64_t begin = in_.offset() - offset_;
    std::size_t length = 0;
    while (in_.read<char>(opcode_) != '\n') {
      if (++length > kMaxNameBytes) fail("a name of more than 256 bytes");
    }
    return {reinterpret_cast<const char*>(out_.bytes_.data()) + begin, length};
  }

  void global() {
    const std::string_view module = take_line();
    push_name(module, take_line());
  }

  void stack_global() {
    const std::vector<PickleId> parts = pop_many(2);
    for (const PickleId part : parts) expect(part, PickleKind::text);
    push_name(out_.text(parts[0]), out_.text(parts[1]));
  }

  void reduce() {
    const std::vector<PickleId> parts = pop_many(2);
    expect(parts[0], PickleKind::name);
    expect(parts[1], PickleKind::tuple);
    const std::vector<PickleId> arguments(out_.items(parts[1]).begin(), out_.items(parts[1]).end());
    push(maker_.call(*this, out_.name(parts[0]), arguments));
  }

  // The attributes of a dict (`_metadata` of a state dict) are dropped.
  void build() {
    pop();
    if (out_.kind(top()) == PickleKind::dict) return;
    throw UnsupportedError(
        {.file = out_.file_,
         .offset = opcode_at_,
         .rule = "pickle opcode BUILD is not allowed on " + std::string(pickle_kind_name(out_.kind(top())))});
  }

  void persistent() { push(maker_.load(*this, pop())); }

  Pickle& out_;
  BoundedReader in_;
  std::uint64_t offset_;
  PickleMaker& maker_;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;  // sizes of the stack
  std::vector<PickleId> memo_;
  std::uint64_t opcode_at_ = 0;
  std::string_view opcode_ = "pickle";
  bool stopped_ = false;
};

// All opcodes of Python's pickletools; those without a function are refused by name.
const PickleMachine::Opcode& PickleMachine::opcode_of(std::uint8_t code) {
  static const std::array kTable = [] {
    std::array<Opcode, 256> table{};
    for (const auto& group : {plain_values(), containers_and_names(), refused()}) {
      for (const Opcode& opcode : group) table[opcode.code] = opcode;
    }
    return table;
  }();
  return kTable[code];
}

std::vector<PickleMachine::Opcode> PickleMachine::plain_values() {
  using K = PickleKind;
  using M = PickleMachine;
  return {
      {'N', "NONE", &M::push_none},
      {0x88, "NEWTRUE", &M::push_boolean<1>},
      {0x89, "NEWFALSE", &M::push_boolean<0>},
      {'J', "BININT", &M::push_number<std::int32_t>},
      {'K', "BININT1", &M::push_number<std::uint8_t>},
      {'M', "BININT2", &M::push_number<std::uint16_t>},
      {0x8a, "LONG1", &M::push_long<std::uint8_t>},
      {0x8b, "LONG4", &M::push_long<std::uint32_t>},
      {'G', "BINFLOAT", &M::push_real},
      {'X', "BINUNICODE", &M::push_text<std::uint32_t, K::text>},
      {0x8c, "SHORT_BINUNICODE", &M::push_text<std::uint8_t, K::text>},
      {0x8d, "BINUNICODE8", &M::push_text<std::uint64_t, K::text>},
      {'T', "BINSTRING", &M::push_text<std::uint32_t, K::text>},
      {'U', "SHORT_BINSTRING", &M::push_text<std::uint8_t, K::text>},
      {'B', "BINBYTES", &M::push_text<std::uint32_t, K::bytes>},
      {'C', "SHORT_BINBYTES", &M::push_text<std::uint8_t, K::bytes>},
      {0x8e, "BINBYTES8", &M::push_text<std::uint64_t, K::bytes>},
  };
}

std::vector<PickleMachine::Opcode> PickleMachine::containers_and_names() {
  using K = PickleKind;
  using M = PickleMachine;
  return {
      {0x80, "PROTO", &M::protocol},
      {0x95, "FRAME", &M::frame},
      {'.', "STOP", &M::stop},
      {'(', "MARK", &M::mark},
      {'}', "EMPTY_DICT", &M::push_empty<K::dict>},
      {']', "EMPTY_LIST", &M::push_empty<K::list>},
      {')', "EMPTY_TUPLE", &M::push_empty<K::tuple>},
      {0x8f, "EMPTY_SET", &M::push_empty<K::set>},
      {'t', "TUPLE", &M::from_mark<K::tuple>},
      {0x85, "TUPLE1", &M::tuple<1>},
      {0x86, "TUPLE2", &M::tuple<2>},
      {0x87, "TUPLE3", &M::tuple<3>},
      {0x91, "FROZENSET", &M::from_mark<K::set>},
      {'a', "APPEND", &M::add_few<K::list, 1>},
      {'e', "APPENDS", &M::add_marked<K::list>},
      {'s', "SETITEM", &M::add_few<K::dict, 2>},
      {'u', "SETITEMS", &M::add_marked<K::dict>},
      {0x90, "ADDITEMS", &M::add_marked<K::set>},
      {'q', "BINPUT", &M::put<std::uint8_t>},
      {'r', "LONG_BINPUT", &M::put<std::uint32_t>},
      {0x94, "MEMOIZE", &M::memoize},
      {'h', "BINGET", &M::get<std::uint8_t>},
      {'j', "LONG_BINGET", &M::get<std::uint32_t>},
      {'c', "GLOBAL", &M::global},
      {0x93, "STACK_GLOBAL", &M::stack_global},
      {'R', "REDUCE", &M::reduce},
      {'b', "BUILD", &M::build},
      {'Q', "BINPERSID", &M::persistent},
  };
}

std::vector<PickleMachine::Opcode> PickleMachine::refused() {
  return {
      {'0', "POP"},
      {'1', "POP_MARK"},
      {'2', "DUP"},
      {'F', "FLOAT"},
      {'I', "INT"},
      {'L', "LONG"},
      {'P', "PERSID"},
      {'S', "STRING"},
      {'V', "UNICODE"},
      {'d', "DICT"},
      {'g', "GET"},
      {'i', "INST"},
      {'l', "LIST"},
      {'o', "OBJ"},
      {'p', "PUT"},
      {0x81, "NEWOBJ"},
      {0x82, "EXT1"},
      {0x83, "EXT2"},
      {0x84, "EXT4"},
      {0x92, "NEWOBJ_EX"},
      {0x96, "BYTEARRAY8"},
      {0x97, "NEXT_BUFFER"},
      {0x98, "READONLY_BUFFER"},
  };
}

Pickle::Pickle(std::string file, std::span<const std::byte> bytes, std::uint64_t offset, PickleMaker& maker)
    : file_(std::move(file)), bytes_(bytes) {
  PickleMachine(*this, offset, maker).run();
}

}  // namespace skald
