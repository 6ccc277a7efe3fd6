#include "line_editor.h"

#include <histedit.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <optional>
#include <utility>

#include "history_file.h"
#include "terminal.h"

namespace skald::cli {
namespace {

constexpr int kTickMs = 200;  // how late a signal is seen that another thread received
constexpr unsigned char kEndOfInput = 4;

std::atomic<bool> resized{false};

void on_resize(int /*signal*/) { resized = true; }

std::size_t common_prefix(const std::vector<std::string>& words) {
  std::size_t size = words.front().size();
  for (const std::string& word : words) {
    const auto [a, b] = std::mismatch(words.front().begin(), words.front().end(), word.begin(), word.end());
    size = std::min(size, static_cast<std::size_t>(a - words.front().begin()));
  }
  while (size > 0 && size < words.front().size() && (static_cast<unsigned char>(words.front()[size]) & 0xc0) == 0x80) {
    --size;  // not inside a character
  }
  return size;
}

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// `words` in columns, as wide as the terminal.
std::string in_columns(const std::vector<std::string>& words) {
  std::size_t width = 0;
  for (const std::string& word : words) width = std::max(width, characters(word) + 2);
  const std::size_t per_row = std::max<std::size_t>(1, terminal_columns() / width);
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool last = (i + 1) % per_row == 0 || i + 1 == words.size();
    out += escape_controls(words[i]) + (last ? "\n" : std::string(width - characters(words[i]), ' '));
  }
  return out;
}

}  // namespace

struct LineEditor::Impl {
  explicit Impl(Completer complete);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  static Impl& of(EditLine* editor) {
    void* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return *static_cast<Impl*>(self);
  }
  static char* prompt(EditLine* editor) { return of(editor).prompt_text.data(); }
  static int next(EditLine* editor, wchar_t* out) { return of(editor).next_character(out); }
  static unsigned char complete(EditLine* editor, int /*key*/) { return of(editor).complete_word(); }

  bool wait_for_byte(unsigned char& byte);
  bool next_byte(unsigned char& byte);
  int next_character(wchar_t* out);
  unsigned char complete_word();
  void enter(const std::string& line);

  Completer completer;
  std::string prompt_text;
  bool interrupted = false;
  std::optional<unsigned char> put_back = {};
  SoftInterrupt soft;
  HistoryFile file;
  EditLine* editor = nullptr;
  History* history = nullptr;
  struct sigaction old_resize = {};
};

LineEditor::Impl::Impl(Completer complete) : completer(std::move(complete)) {
  std::setlocale(LC_CTYPE, "C.UTF-8");  // how libedit reads and measures characters, whatever the environment says
  editor = el_init("skald", stdin, stderr, stderr);
  if (editor == nullptr) throw std::bad_alloc();
  el_set(editor, EL_CLIENTDATA, this);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_SIGNAL, 0);
  el_set(editor, EL_PROMPT, &Impl::prompt);
  el_set(editor, EL_GETCFN, &Impl::next);
  history = history_init();
  if (history == nullptr) throw std::bad_alloc();
  HistEvent event = {};
  ::history(history, &event, H_SETSIZE, static_cast<int>(HistoryFile::kMaxLines));
  ::history(history, &event, H_SETUNIQUE, 1);
  el_set(editor, EL_HIST, &::history, history);
  for (const std::string& line : file.load()) enter(line);
  el_source(editor, nullptr);  // the user's ~/.editrc
  el_set(editor, EL_ADDFN, "skald-complete", "Complete the word", &Impl::complete);
  el_set(editor, EL_BIND, "^I", "skald-complete", nullptr);
  struct sigaction action = {};
  action.sa_handler = on_resize;
  ::sigaction(SIGWINCH, &action, &old_resize);
}

LineEditor::Impl::~Impl() {
  ::sigaction(SIGWINCH, &old_resize, nullptr);
  el_end(editor);
  history_end(history);
}

void LineEditor::Impl::enter(const std::string& line) {
  HistEvent event = {};
  ::history(history, &event, H_ENTER, line.c_str());
}

// False at the end of the input, and after Ctrl-C.
bool LineEditor::Impl::wait_for_byte(unsigned char& byte) {
  while (true) {
    if (SoftInterrupt::interrupted()) {
      interrupted = true;
      return false;
    }
    if (resized.exchange(false)) {
      el_resize(editor);
      el_set(editor, EL_REFRESH);
    }
    pollfd input = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (::poll(&input, 1, kTickMs) <= 0) continue;
    const ssize_t n = ::read(STDIN_FILENO, &byte, 1);
    if (n < 0 && errno == EINTR) continue;
    return n == 1;
  }
}

bool LineEditor::Impl::next_byte(unsigned char& byte) {
  if (!put_back) return wait_for_byte(byte);
  byte = *put_back;
  put_back.reset();
  return true;
}

// A character of UTF-8, or U+FFFD for bytes that are none.
int LineEditor::Impl::next_character(wchar_t* out) {
  constexpr std::array<std::uint32_t, 4> kBits = {0x7f, 0x1f, 0x0f, 0x07}, kLeast = {0, 0x80, 0x800, 0x10000};
  unsigned char byte = 0;
  if (!next_byte(byte)) return 0;
  if (byte == 0) byte = kEndOfInput;  // what Ctrl-D becomes that was typed while no line was edited
  *out = 0xfffd;
  if ((byte >= 0x80 && byte < 0xc2) || byte >= 0xf5) return 1;
  const std::size_t more = byte < 0x80 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
  std::uint32_t code = byte & kBits[more];
  for (std::size_t i = 0; i < more; ++i) {
    if (!next_byte(byte)) return 0;
    if ((byte & 0xc0) != 0x80) {
      put_back = byte;
      return 1;
    }
    code = (code << 6) | (byte & 0x3fU);
  }
  if (code >= kLeast[more] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) *out = static_cast<wchar_t>(code);
  return 1;
}

unsigned char LineEditor::Impl::complete_word() {
  const LineInfo* const info = el_line(editor);
  const std::string before(info->buffer, info->cursor);
  Completions found = completer ? completer(before) : Completions{};
  const std::string typed = before.substr(std::min(found.begin, before.size()));
  std::erase_if(found.words, [&](const std::string& word) { return !word.starts_with(typed); });
  if (found.words.empty()) return CC_REFRESH_BEEP;
  const bool one = found.words.size() == 1;
  const std::string shared = found.words.front().substr(0, common_prefix(found.words));
  if (shared.size() > typed.size() || one) {
    const bool goes_on = !one || shared.ends_with('=') || shared.ends_with('/');
    const std::string added = shared.substr(typed.size()) + (goes_on ? "" : " ");
    return el_insertstr(editor, added.c_str()) == 0 ? CC_REFRESH : CC_REFRESH_BEEP;
  }
  write_error("\n" + in_columns(found.words));
  return CC_REDISPLAY;
}

bool LineEditor::possible() { return stdin_is_terminal() && stderr_is_terminal() && terminal_obeys(); }

LineEditor::LineEditor(Completer complete) : impl_(std::make_unique<Impl>(std::move(complete))) {}

LineEditor::~LineEditor() = default;

LineEditor::Outcome LineEditor::read(const std::string& prompt, std::string& line) {
  const SoftInterrupt soft;
  impl_->prompt_text = prompt;
  impl_->interrupted = false;
  impl_->put_back.reset();
  int size = 0;
  const char* const text = el_gets(impl_->editor, &size);
  if (impl_->interrupted) return Outcome::interrupted;
  if (text == nullptr || size <= 0) return Outcome::end;
  line.assign(text);
  if (line.ends_with('\n')) line.pop_back();
  if (line.find_first_not_of(" \t") != std::string::npos) {
    impl_->enter(line);
    impl_->file.append(line);
  }
  return Outcome::line;
}

}  // namespace skald::cli
