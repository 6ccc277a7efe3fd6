#include "text/template/value.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "text/template/failure.h"

namespace skald::jinja {
namespace {

constexpr std::size_t kFewItems = 12;  // a dict of so many is searched without an index

int checked_depth(int depth) {
  if (depth > kMaxValueDepth) {
    fail_limit("lists and dicts lie deeper in one another than " + std::to_string(kMaxValueDepth));
  }
  return depth;
}

int depth_over(const std::vector<Value>& values) {
  int depth = 0;
  for (const Value& value : values) depth = std::max(depth, value.depth());
  return checked_depth(depth + 1);
}

// Lists that lie in lists many times over have more values than any number counts: so many are never looked at.
std::uint64_t sum(std::uint64_t a, std::uint64_t b) { return std::min(a + b, std::uint64_t{1} << 48); }

std::uint64_t extent_over(const std::vector<Value>& values) {
  std::uint64_t extent = values.size();
  for (const Value& value : values) extent = sum(extent, value.extent());
  return extent;
}

bool equal_sequences(const Sequence& a, const Sequence& b) {
  const bool comparable = a.kind == b.kind || (a.is_tuple() && b.is_tuple());
  if (!comparable || a.values.size() != b.values.size() || a.kind == Sequence::Kind::values) return &a == &b;
  if (a.kind != Sequence::Kind::keys && a.kind != Sequence::Kind::items) {
    return std::equal(a.values.begin(), a.values.end(), b.values.begin(), equal);
  }
  return std::ranges::all_of(a.values, [&b](const Value& value) {  // views are sets
    return std::ranges::any_of(b.values, [&](const Value& other) { return equal(value, other); });
  });
}

bool is_hashable(Sequence::Kind kind) {
  return kind != Sequence::Kind::list && kind != Sequence::Kind::keys && kind != Sequence::Kind::items;
}

bool equal_dicts(const Dict& a, const Dict& b) {
  if (a.size() != b.size()) return false;
  return std::ranges::all_of(a.items(), [&b](const Dict::Item& item) {
    const Value* const other = b.find(item.first);
    return other != nullptr && equal(item.second, *other);
  });
}

}  // namespace

Value Value::undefined(std::string message, bool forbidden) {
  Value out;
  out.data_ = std::make_shared<const Undefined>(Undefined{std::move(message), forbidden});
  return out;
}

bool Value::truth() const {
  if (is_bool()) return as_bool();
  if (is_integer()) return as_integer() != 0;
  if (is_float()) return as_float() != 0;
  if (is_string()) return !text().empty();
  if (is_sequence()) return !sequence().values.empty();
  if (is_dict()) return dict().size() != 0;
  return is_object();
}

int Value::depth() const {
  if (is_sequence()) return sequence().depth;
  if (is_dict()) return dict().depth();
  return is_object() ? object().depth() : 0;
}

std::uint64_t Value::extent() const {
  constexpr std::size_t kBytes = 256;
  if (is_string()) return text().size() / kBytes;
  if (is_sequence()) return sequence().extent;
  return is_dict() ? dict().extent() : 0;
}

std::string Value::type_name() const {
  if (is_none()) return "NoneType";
  if (is_bool()) return "bool";
  if (is_integer()) return "int";
  if (is_float()) return "float";
  if (is_string()) return string().markup ? "Markup" : "str";
  if (is_dict()) return "dict";
  if (is_undefined()) return "Undefined";
  if (is_object()) return object().type_name();
  constexpr const char* kNames[] = {"list", "tuple", "range", "dict_keys", "dict_values", "dict_items", "_GroupTuple"};
  return kNames[static_cast<std::size_t>(sequence().kind)];
}

bool Value::same_as(const Value& other) const {
  if (data_.index() != other.data_.index()) return false;
  if (is_none()) return true;
  if (is_bool()) return as_bool() == other.as_bool();
  if (is_integer()) return as_integer() == other.as_integer();
  if (is_float()) return as_float() == other.as_float();
  if (is_string()) return bytes() == other.bytes();
  if (is_sequence()) return &sequence() == &other.sequence();
  if (is_dict()) return &dict() == &other.dict();
  if (is_object()) return &object() == &other.object();
  return &as_undefined() == &other.as_undefined();
}

Sequence::Sequence(std::vector<Value> items, Kind of)
    : kind(of), values(std::move(items)), depth(depth_over(values)), extent(extent_over(values)) {}

const Value* Iterator::next() {
  if (make_) values_ = std::exchange(make_, nullptr)();
  return at_ < values_.size() ? &values_[at_++] : nullptr;
}

std::vector<Value> Iterator::rest() {
  if (make_) values_ = std::exchange(make_, nullptr)();
  std::vector<Value> out(values_.begin() + static_cast<std::ptrdiff_t>(at_), values_.end());
  at_ = values_.size();
  return out;
}

std::optional<std::size_t> Dict::place(const Value& key) const {
  const std::size_t hashed = hash(key);  // also where it is not needed: what is not hashable is refused
  if (places_.empty()) {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (equal(items_[i].first, key)) return i;
    }
    return std::nullopt;
  }
  const auto [begin, end] = places_.equal_range(hashed);
  for (auto it = begin; it != end; ++it) {
    if (equal(items_[it->second].first, key)) return it->second;
  }
  return std::nullopt;
}

const Value* Dict::find(const Value& key) const {
  const auto found = place(key);
  return found ? &items_[*found].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  if (places_.empty()) {
    for (const auto& [name, value] : items_) {
      if (name.is_string() && name.bytes() == key) return &value;
    }
    return nullptr;
  }
  return find(make_string(std::string(key)));
}

void Dict::set(Value key, Value value) {
  depth_ = checked_depth(std::max({depth_, 1 + value.depth(), 1 + key.depth()}));
  extent_ = sum(extent_, 1 + sum(key.extent(), value.extent()));
  if (const auto found = place(key)) {
    items_[*found].second = std::move(value);
    return;
  }
  items_.emplace_back(std::move(key), std::move(value));
  if (items_.size() > kFewItems) {
    for (std::size_t i = places_.size(); i < items_.size(); ++i) places_.emplace(hash(items_[i].first), i);
  }
}

void Dict::erase(std::string_view key) {
  std::erase_if(items_, [&](const Item& item) { return item.first.is_string() && item.first.bytes() == key; });
  places_.clear();
  if (items_.size() <= kFewItems) return;
  for (std::size_t i = 0; i < items_.size(); ++i) places_.emplace(hash(items_[i].first), i);
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float()) return a.as_float() == b.as_float();
    return a.as_integer() == b.as_integer();
  }
  if (a.is_string() && b.is_string()) return a.bytes() == b.bytes();
  if (a.is_sequence() && b.is_sequence()) return equal_sequences(a.sequence(), b.sequence());
  if (a.is_dict() && b.is_dict()) return equal_dicts(a.dict(), b.dict());
  if (a.is_undefined() && b.is_undefined()) return true;
  return a.same_as(b);
}

std::size_t hash(const Value& value) {
  if (value.is_integral()) return std::hash<std::int64_t>{}(value.as_integer());
  if (value.is_float()) {
    const double number = value.as_float();
    const bool whole = std::abs(number) < 0x1p62 && number == std::trunc(number);
    return whole ? std::hash<std::int64_t>{}(static_cast<std::int64_t>(number)) : std::hash<double>{}(number);
  }
  if (value.is_string()) return std::hash<std::string>{}(value.bytes());
  if (value.is_dict() || (value.is_sequence() && !is_hashable(value.sequence().kind))) {
    fail("unhashable type: '" + value.type_name() + "'");
  }
  if (!value.is_sequence()) return value.is_object() ? std::hash<Object*>{}(&value.object()) : 1;
  std::size_t hashed = value.sequence().values.size();
  for (const Value& item : value.sequence().values) hashed = hashed * 1000003 + hash(item);
  return hashed;
}

Value make_string(std::string bytes, Origin origin) { return make_string(TrackedText(std::move(bytes), origin)); }

Value make_string(TrackedText text, bool markup) {
  return std::make_shared<const String>(String{.text = std::move(text), .markup = markup});
}

Value make_list(std::vector<Value> values, Sequence::Kind kind) {
  return std::make_shared<const Sequence>(std::move(values), kind);
}

Value make_tuple(std::vector<Value> values) { return make_list(std::move(values), Sequence::Kind::tuple); }

Value make_dict(Dict dict) { return std::make_shared<const Dict>(std::move(dict)); }

Value from_json(const json::Value& json, Origin origin) {
  if (json.is_bool()) return json.as_bool();
  if (json.is_integer()) return json.as_integer();
  if (json.is_number()) return json.as_number();
  if (json.is_string()) return make_string(json.as_string(), origin);
  if (json.is_array()) {
    std::vector<Value> values;
    values.reserve(json.as_array().size());
    for (const json::Value& item : json.as_array()) values.push_back(from_json(item, origin));
    return make_list(std::move(values));
  }
  if (!json.is_object()) return {};
  Dict dict;
  for (const json::Member& member : json.as_object()) {
    dict.set(make_string(member.key, origin), from_json(member.value, origin));
  }
  return make_dict(std::move(dict));
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace skald::jinja
