// GET over HTTP, by libcurl, which is loaded when it is first needed: only `skald pull` does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace skald::cli {

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers = {};  // "Authorization: Bearer ...": not sent on to other hosts
  std::uint64_t first_byte = 0;           // > 0: the rest of the file from there on
};

struct HttpAnswer {
  long status = 0;          // 0: none came
  std::string problem;      // what went wrong on the way; empty: nothing
  bool reached = true;      // false: the server was not found, or takes no connection
  double retry_after = -1;  // seconds that the server asks to wait; < 0: does not say
};

class Http {
 public:
  /// Throws UnsupportedError where libcurl is not installed.
  Http();
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  /// Receives the body piece by piece with the answer's status; false ends the transfer.
  using Body = std::function<bool(long status, std::string_view piece)>;
  /// Follows redirections; https does not go on as http. Returns when the body is there, or no more of it comes.
  /// Rethrows what `body` throws.
  HttpAnswer get(const HttpRequest& request, const Body& body);

 private:
  struct Library;
  std::unique_ptr<Library> library_;
};

}  // namespace skald::cli
