#include "output/push_transfer.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <mutex>
#include <utility>
#include <vector>

#include "output/printable.h"

namespace weir {
namespace {

// Of an answer, beyond which the connection is closed.
constexpr std::size_t kMaxHeadBytes = 64u << 10U;
constexpr std::size_t kMaxBodyBytes = 64u << 10U;
constexpr std::size_t kShownBytes = 200;
constexpr std::size_t kMaxTokenBytes = 64u << 10U;
// Shorter ones would hide ordinary words.
constexpr std::size_t kLeastSecretBytes = 4;

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

void append(List& list, const std::string& header) {
  curl_slist* longer = curl_slist_append(list.get(), header.c_str());
  if (longer == nullptr) return;
  (void)list.release();
  list.reset(longer);
}

std::string base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, text.size() - i);
    unsigned bits = 0;
    for (std::size_t b = 0; b < 3; ++b) {
      bits = bits << 8U | (b < count ? static_cast<unsigned char>(text[i + b]) : 0U);
    }
    for (std::size_t d = 0; d < 4; ++d) {
      out += d <= count ? kDigits[bits >> (18 - 6 * d) & 63U] : '=';
    }
  }
  return out;
}

// The first word of the file; empty where it cannot be read.
std::string read_token(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string token(kMaxTokenBytes, '\0');
  in.read(token.data(), static_cast<std::streamsize>(token.size()));
  token.resize(static_cast<std::size_t>(in.gcount()));
  const std::size_t begin = token.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  token.erase(0, begin);
  token.erase(std::min(token.find_first_of(" \t\r\n"), token.size()));
  return token;
}

// How long the secret is that `text` has at `at`, also where the end of the text cuts it; else 0.
std::size_t secret_length(std::string_view text, std::size_t at,
                          const std::vector<std::string>& secrets) {
  const std::string_view rest = text.substr(at);
  std::size_t longest = 0;
  for (const std::string& secret : secrets) {
    if (secret.size() < kLeastSecretBytes) continue;
    const std::size_t length = std::min(secret.size(), rest.size());
    if (length >= kLeastSecretBytes && rest.starts_with(std::string_view(secret).substr(0, length)))
      longest = std::max(longest, length);
  }
  return longest;
}

}  // namespace

std::string shown_answer(std::string_view text, const std::vector<std::string>& secrets) {
  std::string safe;
  for (std::size_t i = 0; i < std::min(text.size(), kShownBytes);) {
    const std::size_t secret = secret_length(text, i, secrets);
    if (secret == 0) {
      safe += text[i++];
      continue;
    }
    safe += "***";
    i += secret;
  }
  safe.erase(safe.find_last_not_of(" \t\r\n") + 1);
  std::string out;
  append_printable(out, safe, kShownBytes);
  return out;
}

class PushTransfer::Session {
 public:
  Session(const PushSettings& settings, const PushTarget& target)
      : settings_(settings), easy_(curl_easy_init()), multi_(curl_multi_init()) {
    secrets_ = {target.password, settings.bearer_token, target.query};
    if (!target.user.empty()) secrets_.push_back(base64(target.user + ':' + target.password));
    for (const std::string& header : settings.headers) {
      const std::size_t value = header.find_first_not_of(' ', header.find(':') + 1);
      if (value == std::string::npos) continue;
      secrets_.push_back(header.substr(value));
      // The token behind "Bearer", too.
      secrets_.push_back(header.substr(header.rfind(' ') + 1));
    }
    known_secrets_ = secrets_.size();
  }
  bool valid() const { return easy_ && multi_; }

  void set_up(const PushTarget& target) {
    CURL* easy = easy_.get();
    option(CURLOPT_URL, target.url.c_str());
    option(CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    option(CURLOPT_PROXY, settings_.proxy.c_str());
    option(CURLOPT_NOPROXY, "");
    option(CURLOPT_USERAGENT, settings_.user_agent.c_str());
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    // A resolver that does not answer holds up no stop().
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(settings_.timeout / kMillisecond));
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_.data());
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Session::on_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Session::on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    if (!target.user.empty()) {
      curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
      option(CURLOPT_USERNAME, target.user.c_str());
      option(CURLOPT_PASSWORD, target.password.c_str());
    }
    if (!settings_.ca_file.empty()) {
      option(CURLOPT_CAINFO, settings_.ca_file.c_str());
      option(CURLOPT_CAPATH, nullptr);
    }
    if (settings_.insecure) {
      curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
      curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
  }

  PushAnswer post(std::string_view body, const std::atomic<Nanos>& give_up) {
    CURL* easy = easy_.get();
    error_[0] = '\0';
    head_bytes_ = body_bytes_ = 0;
    said_.clear();
    PushAnswer answer;
    const std::string token = bearer_token();
    if (token.empty() && !settings_.bearer_token_file.empty()) {
      // Without it the server would refuse, for good, what can be sent once the file is there.
      answer.error = CURLE_READ_ERROR;
      answer.detail = "no token in " + settings_.bearer_token_file;
      return answer;
    }
    const List headers = request_headers(token);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    CURLcode code = CURLE_OK;
    curl_multi_add_handle(multi_.get(), easy);
    if (!perform(code, give_up)) {
      answer.given_up = true;
      code = CURLE_ABORTED_BY_CALLBACK;
    }
    read_answer(code, answer);
    curl_multi_remove_handle(multi_.get(), easy);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, nullptr);
    return answer;
  }

  void wake() { curl_multi_wakeup(multi_.get()); }

 private:
  void option(CURLoption which, const char* text) { curl_easy_setopt(easy_.get(), which, text); }

  std::string bearer_token() {
    if (settings_.bearer_token_file.empty()) return settings_.bearer_token;
    secrets_.resize(known_secrets_);
    return secrets_.emplace_back(read_token(settings_.bearer_token_file));
  }

  List request_headers(const std::string& token) const {
    List list;
    // Bodies are sent without asking first.
    append(list, "Expect:");
    if (push_protocol(settings_.url) == PushProtocol::kRemoteWrite) {
      append(list, "Content-Type: application/x-protobuf");
      append(list, "Content-Encoding: snappy");
      append(list, "X-Prometheus-Remote-Write-Version: 0.1.0");
    } else {
      append(list, "Content-Type: text/plain");
      append(list, "Content-Encoding: gzip");
    }
    if (!token.empty()) append(list, "Authorization: Bearer " + token);
    for (const std::string& header : settings_.headers) append(list, header);
    return list;
  }

  // False when it was given up.
  bool perform(CURLcode& code, const std::atomic<Nanos>& give_up) {
    while (true) {
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg == CURLMSG_DONE) {
          code = message->data.result;
          return true;
        }
      }
      const Nanos rest = give_up.load() - monotonic_now();
      if (rest <= 0) return false;
      const Nanos wait = std::clamp(rest / kMillisecond + 1, Nanos{1}, Nanos{1000});
      curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(wait), nullptr);
    }
  }

  void read_answer(CURLcode code, PushAnswer& answer) {
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200) {  // what comes before is not the answer
      answer.status = static_cast<int>(status);
      curl_off_t seconds = 0;
      curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &seconds);
      constexpr curl_off_t kMost = 1'000'000;
      answer.retry_after = std::clamp<curl_off_t>(seconds, 0, kMost) * kSecond;
      answer.detail = shown_answer(said_, secrets_);
      return;
    }
    answer.error = code;
    answer.detail =
        shown_answer(error_[0] != '\0' ? error_.data() : curl_easy_strerror(code), secrets_);
  }

  static std::size_t on_head(char*, std::size_t size, std::size_t count, void* self) {
    auto& session = *static_cast<Session*>(self);
    session.head_bytes_ += size * count;
    return session.head_bytes_ <= kMaxHeadBytes ? size * count : 0;
  }

  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) {
    auto& session = *static_cast<Session*>(self);
    const std::size_t length = size * count;
    session.body_bytes_ += length;
    if (session.body_bytes_ > kMaxBodyBytes) return 0;
    session.said_.append(data, length);
    return length;
  }

  const PushSettings settings_;
  std::unique_ptr<CURL, FreeEasy> easy_;
  std::unique_ptr<CURLM, FreeMulti> multi_;
  std::vector<std::string> secrets_;
  std::size_t known_secrets_ = 0;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::size_t head_bytes_ = 0, body_bytes_ = 0;
  std::string said_;  // the answer's body
};

PushTransfer::PushTransfer(std::unique_ptr<Session> session) : session_(std::move(session)) {}

PushTransfer::~PushTransfer() = default;

Result<std::unique_ptr<PushTransfer>> PushTransfer::make(const PushSettings& settings,
                                                         const PushTarget& target) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  auto session = std::make_unique<Session>(settings, target);
  if (!session->valid()) return failure("push to " + target.shown + ": no memory for libcurl");
  session->set_up(target);
  return std::unique_ptr<PushTransfer>(new PushTransfer(std::move(session)));
}

PushAnswer PushTransfer::post(std::string_view body, const std::atomic<Nanos>& give_up) {
  return session_->post(body, give_up);
}

void PushTransfer::wake() { session_->wake(); }

}  // namespace weir
