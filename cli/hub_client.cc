#include "hub_client.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <thread>

#include "http.h"
#include "skald/skald.h"
#include "terminal.h"

namespace skald::cli {
namespace {

constexpr int kTries = 5;
constexpr std::size_t kMaxListing = std::size_t{64} << 20;
constexpr double kFirstWait = 0.5;  // seconds, doubled with every try
constexpr double kLongestWait = 30;

std::string variable(const char* key) {
  const char* const value = std::getenv(key);
  return value != nullptr ? value : "";
}

bool is_set(const char* key) {
  const std::string value = variable(key);
  constexpr std::array<std::string_view, 4> kTrue = {"1", "ON", "YES", "TRUE"};
  std::string upper = value;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return std::ranges::find(kTrue, upper) != kTrue.end();
}

std::string endpoint() {
  std::string url = variable("HF_ENDPOINT");
  if (url.empty()) return "https://huggingface.co";
  while (url.ends_with('/')) url.pop_back();
  if (url.starts_with("https://") || url.starts_with("http://")) return url;
  throw OptionError({.field = "HF_ENDPOINT", .value = url, .rule = "must begin with https:// or http://"});
}

// $HF_TOKEN, else the file that `hf auth login` writes.
std::string token() {
  std::string found = variable("HF_TOKEN");
  if (found.empty()) {
    std::string path = variable("HF_TOKEN_PATH");
    if (path.empty() && !variable("HF_HOME").empty()) path = variable("HF_HOME") + "/token";
    if (path.empty()) path = variable("HOME") + "/.cache/huggingface/token";
    std::ifstream(path) >> found;
  }
  const bool plain = std::ranges::all_of(found, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (plain) return found;
  throw OptionError(ErrorFields{.field = "HF_TOKEN", .rule = "holds characters that no token has"});
}

// A path as part of a URL.
std::string escaped(std::string_view path) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = std::isalnum(byte) != 0 || std::string_view("-._~/").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : std::string{'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return out;
}

// The bytes of one file so far, on disk. Only one process may write it.
class PartialDownload {
 public:
  explicit PartialDownload(const std::string& path) : path_(path) {
    descriptor_ = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail();
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      close(descriptor_);
      throw PathError(PathError::Kind::io, {.file = path, .rule = "another process is fetching this file"});
    }
    bytes_ = static_cast<std::uint64_t>(std::max<off_t>(0, lseek(descriptor_, 0, SEEK_END)));
  }
  PartialDownload(const PartialDownload&) = delete;
  PartialDownload& operator=(const PartialDownload&) = delete;
  ~PartialDownload() { close(descriptor_); }

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  void restart() {
    if (ftruncate(descriptor_, 0) != 0 || lseek(descriptor_, 0, SEEK_SET) != 0) fail();
    bytes_ = 0;
  }
  void write(std::string_view piece) {
    bytes_ += piece.size();
    while (!piece.empty()) {
      const ssize_t n = ::write(descriptor_, piece.data(), piece.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail();
      piece.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void finish() const {
    if (fsync(descriptor_) != 0) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw PathError(PathError::Kind::io,
                    {.file = path_, .rule = std::string("cannot be written: ") + std::strerror(errno)});
  }

  std::string path_;
  int descriptor_ = -1;
  std::uint64_t bytes_ = 0;
};

bool may_try_again(const HttpAnswer& answer) {
  if (!answer.reached) return false;
  return !answer.problem.empty() || answer.status == 408 || answer.status == 429 || answer.status >= 500;
}

class Puller {
 public:
  Puller(const HubName& name, bool show_progress) : name_(name), url_(endpoint()) {
    if (const std::string secret = token(); !secret.empty()) headers_.push_back("Authorization: Bearer " + secret);
    if (show_progress) bar_.emplace("fetching");
  }

  Pulled pull() {
    const HubListing listing = list();
    const std::vector<HubFile> files = files_to_fetch(listing, name_);
    const HubStore store(name_, listing.commit);
    Pulled out{.path = {}, .commit = listing.commit, .files = files.size(), .bytes = 0, .bytes_fetched = 0};
    for (const HubFile& file : files) all_ += file.bytes;
    for (const HubFile& file : files) {
      if (!store.has(file)) {
        fetch(file, listing.commit, store);
        out.bytes_fetched += file.bytes;
      }
      done_ += file.bytes;
      show(0);
    }
    store.finish(files);
    out.bytes = all_;
    if (const auto path = find_in_cache(name_)) out.path = *path;
    return out;
  }

 private:
  // Waits as the server asks, or longer with every try.
  static void wait(int tries, double asked) {
    const double seconds = asked >= 0 ? asked : kFirstWait * static_cast<double>(1 << tries);
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(std::min(seconds, kLongestWait));
    while (std::chrono::steady_clock::now() < end) {
      if (SoftInterrupt::interrupted()) throw CancelledError("interrupted");
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  // What to do about an answer that is none.
  [[noreturn]] void refuse(const std::string& what, const HttpAnswer& answer) const {
    const std::string page = url_ + "/" + name_.id();
    const std::string status = "the hub answers " + std::to_string(answer.status) + ": ";
    std::string rule;
    if (answer.status == 401 || answer.status == 403) {
      rule = status + (headers_.empty() ? "no such public model; for a private or gated one set HF_TOKEN"
                                        : "this token has no access; accept the model's terms at " + page);
    } else if (answer.status == 404) {
      rule = status + "no such model, revision or file (see " + page + ")";
    } else if (answer.status == 429) {
      rule = status + "too many requests; try again later, or set HF_TOKEN";
    } else if (answer.status >= 400) {
      rule = status + "try again later";
    } else {
      rule = "is not on this machine, and cannot be fetched from " + url_ + ": " +
             (answer.problem.empty() ? "no answer" : answer.problem);
    }
    throw PathError(answer.status == 404 || answer.status == 401 ? PathError::Kind::not_found : PathError::Kind::io,
                    {.file = what, .rule = rule});
  }

  HubListing list() {
    const std::string url = url_ + "/api/models/" + name_.id() + "/revision/" + escaped(name_.revision) + "?blobs=true";
    for (int tries = 0;; ++tries) {
      std::string text;
      HttpAnswer answer =
          http_.get({.url = url, .headers = headers_}, [&text](long /*status*/, std::string_view piece) {
            text += piece;
            return text.size() <= kMaxListing;
          });
      if (answer.status == 200 && answer.problem.empty()) return read_hub_listing(text, url);
      if (!may_try_again(answer) || tries + 1 == kTries) refuse(name_.id(), answer);
      wait(tries, answer.retry_after);
    }
  }

  // One try after the other, each from where the last one ended.
  void fetch(const HubFile& file, const std::string& commit, const HubStore& store) {
    PartialDownload partial(store.partial_path(file));
    const std::string url = url_ + "/" + name_.id() + "/resolve/" + commit + "/" + escaped(file.name);
    for (int tries = 0; partial.bytes() != file.bytes || file.bytes == 0;) {
      if (partial.bytes() > file.bytes) partial.restart();
      const std::uint64_t before = partial.bytes();
      const HttpAnswer answer = fetch_rest(url, file, partial);
      if (partial.bytes() == file.bytes && (answer.status == 200 || answer.status == 206)) break;
      if (answer.status == 416) partial.restart();
      const bool short_body = answer.problem.empty() && (answer.status == 200 || answer.status == 206);
      if (partial.bytes() > before) tries = 0;  // it comes, in pieces
      if ((!may_try_again(answer) && !short_body && answer.status != 416) || tries + 1 >= kTries) {
        refuse(name_.id() + "/" + file.name, answer);
      }
      wait(tries++, answer.retry_after);
    }
    partial.finish();
    store.keep(file);
  }

  HttpAnswer fetch_rest(const std::string& url, const HubFile& file, PartialDownload& partial) {
    const std::uint64_t from = partial.bytes();
    bool begun = false;
    return http_.get({.url = url, .headers = headers_, .first_byte = from}, [&](long status, std::string_view piece) {
      if (status != 200 && status != 206) return true;             // the text of an error
      if (!begun && status == 200 && from > 0) partial.restart();  // the server knows no ranges
      begun = true;
      if (partial.bytes() + piece.size() > file.bytes) {
        partial.write(piece.substr(0, file.bytes - partial.bytes()));
        return partial.bytes() < file.bytes;
      }
      partial.write(piece);
      show(partial.bytes());
      return true;
    });
  }

  void show(std::uint64_t of_this) {
    if (bar_ && all_ > 0) bar_->update(static_cast<double>(done_ + of_this) / static_cast<double>(all_));
  }

  const HubName& name_;
  std::string url_;
  std::vector<std::string> headers_;
  Http http_;
  std::optional<ProgressBar> bar_;
  std::uint64_t done_ = 0, all_ = 0;  // bytes of whole files, of all
};

}  // namespace

bool is_offline() { return is_set("HF_HUB_OFFLINE") || is_set("TRANSFORMERS_OFFLINE"); }

Pulled pull_model(const HubName& name, bool show_progress) {
  const SoftInterrupt interrupt;
  return Puller(name, show_progress).pull();
}

}  // namespace skald::cli
