// What the Matcher does after a gap, while it does not know which answer belongs to which request.
#include <algorithm>
#include <utility>

#include "lens/matcher.h"

namespace weir {
namespace {

// An answer without its request is told after this, whatever comes; a request too whose answers
// were lost.
constexpr Nanos kHeldFor = kSecond;
// So many requests and so many answers of a connection are held. Older ones are given up.
constexpr std::uint32_t kMostHeld = 256;

template <class Wanted>
Exchange* last(Exchange* from, Wanted wanted) {
  while (from && !wanted(*from)) from = from->previous;
  return from;
}

template <class Wanted>
Exchange* first(Exchange* from, Wanted wanted) {
  while (from && !wanted(*from)) from = from->next;
  return from;
}

bool is_doubtful(const Exchange& e) { return e.doubtful; }
bool is_held(const Exchange& e) { return e.held; }

// The server had seen of the request when it answered, the client nothing of the answer when it
// asked.
bool could_answer(const Exchange& answer, const Exchange& request) {
  return request.request_done && answer.response_done && answer.response_begin >= request.acked &&
         answer.acked > request.request_begin;
}

}  // namespace

void Matcher::hold(Exchange* exchange, const Arrival& arrival, MatchShared& shared) {
  exchange->held = true;
  exchange->acked = arrival.acked;
  exchange->deadline = arrival.last + kHeldFor;
  earliest_ = std::min(earliest_, exchange->deadline);
  if (++held_ > kMostHeld) give_up(first(head_, is_held), arrival.last, shared);
}

void Matcher::doubt(Exchange* exchange, MatchShared& shared) {
  exchange->doubtful = true;
  if (++doubtful_ > kMostHeld) give_up(first(head_, is_doubtful), exchange->request->last, shared);
}

// What was answered before belongs to nothing that can be known, what was asked may yet find its
// answer behind the gap, unless requests after it were lost as well.
void Matcher::lose_answers(Quality quality, Nanos now, MatchShared& shared) {
  for (Exchange* e = head_; e;) {
    Exchange* next = e->next;
    if (e->status != Status::kOneWay) {
      e->worsen(quality);
      const bool waits = e->request && !e->response && !e->reported;
      if (!waits || (requests_lost_ && !e->doubtful)) {
        give_up(e, now, shared);
      } else if (!e->doubtful) {
        e->deadline = now + kHeldFor;
        earliest_ = std::min(earliest_, e->deadline);
        doubt(e, shared);
      }
    }
    e = next;
  }
  answers_lost_ = true;
}

// What was asked since an earlier gap has unknown requests before it and behind it.
void Matcher::lose_requests(Nanos now, MatchShared& shared) {
  for (Exchange* e = head_; e;) {
    Exchange* next = e->next;
    if (e->doubtful) {
      give_up(e, now, shared);
    } else if (e->request && !e->request_done) {
      message_done(e, true, now, shared);  // its end is lost; its answer may still come
    }
    e = next;
  }
  if (open_requests_ > 0) pipelined_ = true;
  requests_lost_ = true;
}

// By the acknowledgments nothing was outstanding when this request was sent.
void Matcher::resume(const Arrival& arrival, MatchShared& shared) {
  if (arrival.settled) realign(shared);
  while (head_) {
    head_->worsen(Quality::kGap);
    give_up(head_, arrival.first, shared);
  }
  unsynced_ = requests_lost_ = answers_lost_ = false;
}

void Matcher::realign(MatchShared& shared) {
  // Lost requests leave answers over, lost answers requests; else what a gap left was misread.
  if (!answers_lost_ && held_ <= doubtful_) return;
  if (!requests_lost_ && doubtful_ < held_) return;
  Exchange* request = nullptr;
  Exchange* answer = nullptr;
  const std::uint32_t pairs = std::min(doubtful_, held_);
  for (std::uint32_t i = 0; i < pairs; ++i) {
    request = last(request ? request->previous : tail_, is_doubtful);
    answer = last(answer ? answer->previous : tail_, is_held);
    if (!could_answer(*answer, *request)) return;
  }
  for (std::uint32_t i = 0; i < pairs; ++i) {
    Exchange* const next_request = first(request->next, is_doubtful);
    Exchange* const next_answer = first(answer->next, is_held);
    join(request, answer, shared);
    request = next_request;
    answer = next_answer;
  }
}

void Matcher::join(Exchange* request, Exchange* answer, MatchShared& shared) {
  request->vocabulary = answer->vocabulary;
  request->response = answer->response;
  request->response_begin = answer->response_begin;
  request->response_damaged = answer->response_damaged;
  request->status = answer->status;
  request->response_values.swap(answer->response_values);
  request->response_done = true;
  answer->response.reset();  // so that it counts with its request
  request->completed = std::max(request->request->last, request->response->last);
  if (open_requests_ > 0) --open_requests_;
  unlink(answer, shared);
  finish(request, shared);
}

}  // namespace weir
