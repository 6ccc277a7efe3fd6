// Python's pickles, protocols 2 to 5, as data: a stack machine whose every word is looked up in a table. Nothing is
// called but a PickleMaker's functions, so a pickle can make numbers, texts, containers and what that maker offers.
// https://docs.python.org/3/library/pickletools.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "skald/error.h"

namespace skald {

enum class PickleKind : std::uint8_t {
  none,
  boolean,
  integer,
  real,
  text,
  bytes,
  tuple,
  list,
  dict,
  set,
  name,
  object
};

/// "a dict", for messages.
std::string_view pickle_kind_name(PickleKind kind);

/// A value in a Pickle, which may be part of several others, or of itself.
using PickleId = std::uint32_t;

class PickleMaker;

/// What a pickle holds. Values lie in one table and refer to each other by number: however deep they are nested, or in
/// circles, nothing recurses.
class Pickle {
 public:
  /// A class or function that a pickle names.
  struct Name {
    std::string_view module, name;
  };

  /// Reads `bytes` of `file`, where they begin at `offset`; they must outlive the Pickle. Throws FormatError for a
  /// malformed pickle, UnsupportedError for an opcode that no data needs and for names that `maker` does not know,
  /// LimitError for more than 4 Mi values or containers nested deeper than 256.
  Pickle(std::string file, std::span<const std::byte> bytes, std::uint64_t offset, PickleMaker& maker);

  [[nodiscard]] PickleId root() const { return root_; }
  [[nodiscard]] PickleKind kind(PickleId id) const { return values_[id].kind; }
  [[nodiscard]] std::int64_t integer(PickleId id) const { return values_[id].integer; }  // also of a boolean: 0 or 1
  [[nodiscard]] double real(PickleId id) const;
  [[nodiscard]] std::string_view text(PickleId id) const;            // also of bytes
  [[nodiscard]] std::span<const PickleId> items(PickleId id) const;  // of a dict: key and value by turns
  [[nodiscard]] Name name(PickleId id) const { return names_[values_[id].number]; }
  [[nodiscard]] std::uint32_t object(PickleId id) const { return values_[id].number; }  // the maker's number
  /// The value of a text key; nullptr where `id` is no dict or has none. The last one counts, as in Python.
  [[nodiscard]] const PickleId* find(PickleId id, std::string_view key) const;

  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  friend class PickleMachine;
  struct Value {
    PickleKind kind = PickleKind::none;
    std::uint16_t depth = 0;   // of containers: 1 + the deepest item's
    std::uint32_t number = 0;  // of a text its bytes, of a container its place in containers_, of an object the maker's
    std::int64_t integer = 0;  // of a text its place in the pickle
  };

  std::string file_;
  std::span<const std::byte> bytes_;
  std::vector<Value> values_;
  std::vector<std::vector<PickleId>> containers_;
  std::vector<Name> names_;
  PickleId root_ = 0;
};

/// A pickle while it is read, as a PickleMaker sees it.
class PickleStack {
 public:
  virtual ~PickleStack() = default;
  [[nodiscard]] virtual const Pickle& values() const = 0;
  /// New values, for a maker's answers.
  virtual PickleId add_object(std::uint32_t number) = 0;
  virtual PickleId add_none() = 0;
  virtual PickleId add_container(PickleKind kind, std::span<const PickleId> items) = 0;
  /// Throws FormatError at the place that is read.
  [[noreturn]] void fail(std::string rule) const { throw error(std::move(rule)); }

 private:
  [[nodiscard]] virtual FormatError error(std::string rule) const = 0;
};

/// What a pickle may make beside plain data.
class PickleMaker {
 public:
  virtual ~PickleMaker() = default;
  /// Whether a pickle may name it.
  [[nodiscard]] virtual bool knows(std::string_view module, std::string_view name) const = 0;
  /// The result of calling what is `named` so with `arguments`.
  virtual PickleId call(PickleStack& stack, Pickle::Name named, std::span<const PickleId> arguments) = 0;
  /// What a persistent id stands for.
  virtual PickleId load(PickleStack& stack, PickleId persistent) = 0;
};

}  // namespace skald
