// PushTransfer: sends one request over HTTP at a time and reads its answer, with bounds in time and
// in size. One thread, but for wake().
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "output/push_settings.h"

namespace weir {

struct PushAnswer {
  // Of HTTP. It decides, whatever becomes of the answer's body. 0: there was none.
  int status = 0;
  int error = 0;          // libcurl's, where there was none
  bool given_up = false;  // because of `give_up`
  Nanos retry_after = 0;  // what the server asks for; 0: nothing
  // What the server said, or why there is no answer: printable, short, without credentials.
  std::string detail{};
};

class PushTransfer {
 public:
  static Result<std::unique_ptr<PushTransfer>> make(const PushSettings& settings,
                                                    const PushTarget& target);
  ~PushTransfer();

  // Takes no longer than the timeout, nor beyond `give_up` (monotonic), which may change meanwhile.
  PushAnswer post(std::string_view body, const std::atomic<Nanos>& give_up);
  // Any thread: has post() look at `give_up` now.
  void wake();

 private:
  class Session;
  explicit PushTransfer(std::unique_ptr<Session> session);

  std::unique_ptr<Session> session_;
};

// What may be shown of `text`: its first 200 bytes, printable, each of `secrets` as ***.
std::string shown_answer(std::string_view text, const std::vector<std::string>& secrets);

}  // namespace weir
