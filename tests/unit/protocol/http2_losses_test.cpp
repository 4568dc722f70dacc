#include "protocol/http2_losses.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Http2Losses, WithoutAGapNothingIsLost) {
  Http2Losses losses;
  EXPECT_TRUE(losses.requests_whole(true, 9, 1));
  EXPECT_TRUE(losses.answers_whole(9, false, true));
}

TEST(Http2Losses, TheNextNumberShowsThatNoRequestWasLost) {
  Http2Losses losses;
  losses.gap_in_requests();
  EXPECT_TRUE(losses.requests_whole(true, 7, 5));
  losses.gap_in_requests();
  EXPECT_FALSE(losses.requests_whole(true, 11, 7));
  losses.gap_in_requests();
  EXPECT_FALSE(losses.requests_whole(false, 7, 7));
  losses.on_request_trailers();  // which have no number of their own
  losses.gap_in_requests();
  EXPECT_FALSE(losses.requests_whole(true, 13, 11));
}

TEST(Http2Losses, TheOnlyOpenStreamShowsThatNoAnswerWasLost) {
  Http2Losses losses;
  losses.gap_in_answers(1, 5);
  EXPECT_TRUE(losses.answers_whole(5, false, true));  // its head
  losses.gap_in_answers(1, 5);
  EXPECT_TRUE(losses.answers_whole(5, true, false));  // its trailers, its head was seen before
  losses.gap_in_answers(1, 5);
  EXPECT_FALSE(losses.answers_whole(5, false, false));  // its trailers, but where is its head
  losses.gap_in_answers(1, 5);
  EXPECT_FALSE(losses.answers_whole(7, false, true));
  losses.gap_in_answers(2, 0);
  EXPECT_FALSE(losses.answers_whole(5, false, true));
  losses.gap_in_answers(0, 0);
  EXPECT_TRUE(losses.answers_whole(9, false, true));
}

TEST(Http2Losses, ABodyThatEndsHadNoTrailers) {
  Http2Losses losses;
  losses.gap_in_answers(1, 5);
  losses.on_end(5);
  EXPECT_TRUE(losses.answers_whole(7, false, true));
}

TEST(Http2Losses, ARequestMayHaveBeenLostWithItsAnswer) {
  Http2Losses losses;
  losses.gap_in_requests();
  losses.gap_in_answers(0, 0);
  EXPECT_FALSE(losses.requests_whole(true, 9, 5));
  EXPECT_FALSE(losses.answers_whole(9, false, true));
  // The requests' gap is told of first.
  losses.gap_in_requests();
  EXPECT_FALSE(losses.requests_whole(true, 15, 9));
  losses.gap_in_answers(1, 15);
  EXPECT_FALSE(losses.answers_whole(15, false, true));
}

TEST(Http2Losses, HeadsThatNobodyCountsCannotBeRuledOut) {
  Http2Losses losses;
  losses.on_extra_head();
  losses.gap_in_answers(1, 5);
  EXPECT_FALSE(losses.answers_whole(5, false, true));
}

}  // namespace
}  // namespace weir
