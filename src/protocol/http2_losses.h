// Http2Losses: whether bytes that were lost can have held header blocks, whose loss would make the
// direction's table unusable. Clients number their streams without leaving one out, so a request
// whose number comes next shows that none was lost. An answer has one head, so that what follows a
// loss shows the same of the only stream that was open.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir {

class Http2Losses {
 public:
  void gap_in_requests() { requests_ = true; }
  // `open`: how many streams were, and if it is one, which.
  void gap_in_answers(std::size_t open, std::uint32_t only) {
    many_ = open > 1 || (answers_ && open == 1 && only != only_);
    only_ = open == 1 ? only : 0;
    answers_ = true;
  }
  bool in_requests() const { return requests_; }
  bool in_answers() const { return answers_; }

  // A header block of this direction comes next: whether none was lost since the one before it.
  bool requests_whole(bool opens, std::uint32_t id, std::uint32_t highest) {
    const bool whole = !requests_ || (opens && !trailers_ && id == highest + 2);
    requests_ = false;
    if (!whole) ++missed_;
    return whole;
  }
  bool answers_whole(std::uint32_t id, bool answered, bool has_status) {
    const bool next = only_ == 0 || (id == only_ && (answered || has_status));
    const bool whole = !answers_ || (next && !many_ && !extras_ && !requests_ && seen_ == missed_);
    answers_ = many_ = false;
    seen_ = missed_;
    return whole;
  }

  // What makes either conclusion wrong: a request's trailers, a head beside an answer's one.
  void on_request_trailers() { trailers_ = true; }
  void on_extra_head() { extras_ = true; }
  // The body of an answered stream has come to its end: nothing of it was lost but body.
  void on_end(std::uint32_t id) {
    if (id == only_) only_ = 0;
  }
  // The table is lost anyway.
  void on_lost_requests() {
    requests_ = false;
    ++missed_;
  }
  void on_lost_answers() { answers_ = many_ = false; }

 private:
  bool requests_ = false, answers_ = false;  // bytes were lost since the last block
  bool many_ = false;                        // streams were open then
  bool trailers_ = false, extras_ = false;
  std::uint32_t only_ = 0;
  // How often request heads were lost, and when an answer's was last read: their answers may have
  // been lost with them.
  std::uint32_t missed_ = 0, seen_ = 0;
};

}  // namespace weir
