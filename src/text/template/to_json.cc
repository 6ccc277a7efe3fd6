// json.dumps, byte for byte.
#include <algorithm>
#include <array>
#include <cmath>

#include "text/template/builtins.h"
#include "text/template/characters.h"

namespace skald::jinja {
namespace {

class JsonWriter {
 public:
  JsonWriter(Frame& frame, const JsonStyle& style)
      : frame_(frame),
        style_(style),
        comma_(style.separators ? style.separators->first : TrackedText(style.indent ? "," : ", ")),
        colon_(style.separators ? style.separators->second : TrackedText(": ")) {}

  TrackedText run(const Value& value) {
    write(value, 0);
    return std::move(out_);
  }

 private:
  void write(const Value& value, int level) {
    const Deeper deeper(frame_.machine);
    frame_.machine.step();
    if (value.is_string()) {
      string(value.text());
    } else if (value.is_dict()) {
      object(value.dict(), level);
    } else if (value.is_sequence() && (value.sequence().is_list() || value.sequence().is_tuple())) {
      array(value.sequence().values, level);
    } else if (!plain(value)) {
      fail("Object of type " + value.type_name() + " is not JSON serializable");
    }
    frame_.machine.make_room(out_.size());
  }

  bool plain(const Value& value) {
    if (value.is_none()) return out_.append("null"), true;
    if (value.is_bool()) return out_.append(value.as_bool() ? "true" : "false"), true;
    if (value.is_integer()) return out_.append(std::to_string(value.as_integer())), true;
    if (value.is_float()) return out_.append(number(value.as_float())), true;
    return false;
  }

  static std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return float_repr(value);
  }

  void line(int level) {
    if (!style_.indent) return;
    out_.append("\n");
    for (int i = 0; i < level; ++i) out_.append(*style_.indent);
    frame_.machine.make_room(out_.size());
  }

  void array(const std::vector<Value>& values, int level) {
    if (values.empty()) return out_.append("[]");
    out_.append("[");
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out_.append(comma_);
      line(level + 1);
      write(values[i], level + 1);
    }
    line(level);
    out_.append("]");
  }

  void object(const Dict& dict, int level) {
    if (dict.size() == 0) return out_.append("{}");
    std::vector<const Dict::Item*> items;
    for (const Dict::Item& item : dict.items()) items.push_back(&item);
    if (style_.sort_keys) {
      std::ranges::stable_sort(items, [](const auto* a, const auto* b) { return less_than(a->first, b->first); });
    }
    out_.append("{");
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.append(comma_);
      line(level + 1);
      key(items[i]->first);
      out_.append(colon_);
      write(items[i]->second, level + 1);
    }
    line(level);
    out_.append("}");
  }

  void key(const Value& value) {
    if (value.is_string()) return string(value.text());
    out_.append("\"");
    if (!plain(value)) fail("keys must be str, int, float, bool or None, not " + value.type_name());
    out_.append("\"");
  }

  void string(const TrackedText& text) {
    const std::string& bytes = text.bytes();
    out_.append("\"");
    std::size_t begin = 0;  // [begin, at) is copied as it is
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t length = character_length(std::string_view(bytes).substr(at));
      const std::string escape = escape_of(character_at(bytes, at));
      if (!escape.empty()) {
        out_.append(text, begin, at);
        out_.append(escape, text.origin(at));
        begin = at + length;
      }
      at += length;
    }
    out_.append(text, begin, bytes.size());
    out_.append("\"");
  }

  [[nodiscard]] std::string escape_of(char32_t code) const {
    constexpr std::string_view kNamed = "\"\\\n\r\t\b\f", kLetters = "\"\\nrtbf";
    if (code < 0x80) {
      const std::size_t named = kNamed.find(static_cast<char>(code));
      if (named != std::string_view::npos) return std::string("\\") + kLetters[named];
    }
    if (code >= 0x20 && (!style_.ascii || code < 0x7f)) return {};
    if (code <= 0xffff) return unit(code);
    return unit(0xd800 + ((code - 0x10000) >> 10)) + unit(0xdc00 + ((code - 0x10000) & 0x3ff));
  }

  static std::string unit(char32_t code) {
    std::string out = "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += "0123456789abcdef"[code >> shift & 15];
    return out;
  }

  Frame& frame_;
  const JsonStyle& style_;
  TrackedText comma_, colon_;
  TrackedText out_;
};

}  // namespace

Value to_json(Frame& frame, const Value& value, const JsonStyle& style) {
  return frame.machine.text(JsonWriter(frame, style).run(value));
}

}  // namespace skald::jinja
