#include "http.h"

#include <curl/curl.h>
#include <dlfcn.h>

#include <exception>

#include "skald/skald.h"
#include "terminal.h"

namespace skald::cli {

// The functions of libcurl. Linked, it and what it needs would slow every start of the command.
struct Http::Library {
  void* handle = nullptr;
  decltype(&::curl_easy_init) init = nullptr;
  decltype(&::curl_easy_setopt) set = nullptr;
  decltype(&::curl_easy_perform) perform = nullptr;
  decltype(&::curl_easy_getinfo) info = nullptr;
  decltype(&::curl_easy_cleanup) cleanup = nullptr;
  decltype(&::curl_easy_strerror) error_text = nullptr;
  decltype(&::curl_slist_append) append = nullptr;
  decltype(&::curl_slist_free_all) free_list = nullptr;
  CURL* curl = nullptr;

  template <class Function>
  void find(Function& function, const char* name) const {
    function = reinterpret_cast<Function>(dlsym(handle, name));
    if (function == nullptr) throw UnsupportedError(std::string("libcurl has no ") + name);
  }
};

namespace {

struct Transfer {
  const Http::Body& body;
  decltype(&::curl_easy_getinfo) info;
  CURL* curl;
  std::exception_ptr thrown = {};
};

// Called from C: nothing may be thrown through it.
std::size_t take_piece(char* bytes, std::size_t /*one*/, std::size_t n, void* user) noexcept {
  auto& transfer = *static_cast<Transfer*>(user);
  try {
    long status = 0;
    transfer.info(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
    if (transfer.body(status, {bytes, n})) return n;
  } catch (...) {
    transfer.thrown = std::current_exception();
  }
  return 0;
}

int check_interrupt(void* /*user*/, curl_off_t /*a*/, curl_off_t /*b*/, curl_off_t /*c*/, curl_off_t /*d*/) noexcept {
  return SoftInterrupt::interrupted() ? 1 : 0;
}

}  // namespace

Http::Http() : library_(std::make_unique<Library>()) {
  Library& l = *library_;
  l.handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (l.handle == nullptr) {
    throw UnsupportedError("downloads need libcurl: install Debian's libcurl4, or fetch the model by other means");
  }
  l.find(l.init, "curl_easy_init");
  l.find(l.set, "curl_easy_setopt");
  l.find(l.perform, "curl_easy_perform");
  l.find(l.info, "curl_easy_getinfo");
  l.find(l.cleanup, "curl_easy_cleanup");
  l.find(l.error_text, "curl_easy_strerror");
  l.find(l.append, "curl_slist_append");
  l.find(l.free_list, "curl_slist_free_all");
  l.curl = l.init();
  if (l.curl == nullptr) throw UnsupportedError("libcurl cannot be started");
}

// The library stays loaded: what it has started cannot be unloaded safely.
Http::~Http() {
  if (library_->curl != nullptr) library_->cleanup(library_->curl);
}

HttpAnswer Http::get(const HttpRequest& request, const Body& body) {
  const Library& l = *library_;
  Transfer transfer{.body = body, .info = l.info, .curl = l.curl};
  curl_slist* headers = nullptr;
  for (const std::string& header : request.headers) headers = l.append(headers, header.c_str());
  const std::string range = request.first_byte > 0 ? std::to_string(request.first_byte) + "-" : "";
  const bool secure = request.url.starts_with("https:");
  l.set(l.curl, CURLOPT_URL, request.url.c_str());
  l.set(l.curl, CURLOPT_HTTPHEADER, headers);
  l.set(l.curl, CURLOPT_RANGE, range.empty() ? nullptr : range.c_str());
  l.set(l.curl, CURLOPT_USERAGENT, ("skald/" + std::string(version())).c_str());
  l.set(l.curl, CURLOPT_FOLLOWLOCATION, 1L);
  l.set(l.curl, CURLOPT_MAXREDIRS, 10L);
  l.set(l.curl, CURLOPT_PROTOCOLS_STR, "https,http");
  l.set(l.curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "https,http");
  l.set(l.curl, CURLOPT_CONNECTTIMEOUT, 10L);
  l.set(l.curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  l.set(l.curl, CURLOPT_LOW_SPEED_TIME, 60L);
  l.set(l.curl, CURLOPT_NOSIGNAL, 1L);
  l.set(l.curl, CURLOPT_WRITEFUNCTION, take_piece);
  l.set(l.curl, CURLOPT_WRITEDATA, &transfer);
  l.set(l.curl, CURLOPT_NOPROGRESS, 0L);
  l.set(l.curl, CURLOPT_XFERINFOFUNCTION, check_interrupt);
  const CURLcode code = l.perform(l.curl);
  l.free_list(headers);
  HttpAnswer answer;
  l.info(l.curl, CURLINFO_RESPONSE_CODE, &answer.status);
  curl_off_t wait = 0;
  if (l.info(l.curl, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0)
    answer.retry_after = static_cast<double>(wait);
  if (code != CURLE_OK) answer.problem = l.error_text(code);
  answer.reached =
      code != CURLE_COULDNT_RESOLVE_HOST && code != CURLE_COULDNT_RESOLVE_PROXY && code != CURLE_COULDNT_CONNECT;
  if (transfer.thrown) std::rethrow_exception(transfer.thrown);
  if (SoftInterrupt::interrupted()) throw CancelledError("interrupted");
  return answer;
}

}  // namespace skald::cli
