#include "protocol/hpack.h"

#include <gtest/gtest.h>

#include <string>

#include "unit/protocol/http2_builder.h"

namespace weir {
namespace {

// "name=value" of each field, "?" for the unknown.
std::string read(Hpack& hpack, const std::string& block) {
  std::string out;
  hpack.begin(as_bytes(block));
  for (HpackField field;;) {
    switch (hpack.next(field)) {
      case Hpack::Result::kEnd:
        return out;
      case Hpack::Result::kInvalid:
        return out + "invalid";
      case Hpack::Result::kUnknown:
        out += "? ";
        break;
      case Hpack::Result::kField:
        out += std::string(field.name) + '=' + std::string(field.value) + ' ';
    }
  }
}

const h2::Fields kFields{{":method", "GET"}, {":authority", "a"}, {"x-own", "1"}};
constexpr const char* kRead = ":method=GET :authority=a x-own=1 ";

TEST(Hpack, ReadsWhatIsAndWhatIsNotInTheTable) {
  h2::End end;
  Hpack hpack;
  EXPECT_EQ(read(hpack, end.block(kFields)), kRead);
  EXPECT_EQ(read(hpack, end.block(kFields)), kRead);
  EXPECT_EQ(read(hpack, {}), "");
}

TEST(Hpack, ShowsWhatIsKnownAfterALoss) {
  h2::End end;
  (void)end.block(kFields);
  Hpack hpack;
  hpack.lose();
  EXPECT_EQ(read(hpack, end.block(kFields)), ":method=GET ? ? ");
  // A known name with another value, an unknown one with another value, a new one.
  const h2::Fields more{{":authority", "b"}, {"x-own", "2"}, {"x-new", "3"}};
  EXPECT_EQ(read(hpack, end.block(more)), ":authority=b ? x-new=3 ");
  EXPECT_EQ(read(hpack, end.block(more)), ":authority=b ? x-new=3 ");
  EXPECT_EQ(read(hpack, end.block(kFields)), ":method=GET ? ? ");
}

// What is added after the loss is counted from the newest, also beyond what fits the table.
TEST(Hpack, KeepsCountWhileOldEntriesLeave) {
  h2::End end;
  for (int i = 0; i < 50; ++i) (void)end.block({{"x-before", std::to_string(i)}});
  Hpack hpack;
  hpack.lose();
  for (int i = 0; i < 500; ++i) {
    const std::string value(static_cast<std::size_t>(i % 40), 'v');
    const h2::Fields fields{{"x-" + std::to_string(i % 7), value + std::to_string(i)}};
    (void)read(hpack, end.block(fields));
    EXPECT_EQ(read(hpack, end.block(fields)), fields[0].first + '=' + fields[0].second + ' ');
  }
}

TEST(Hpack, TakesTableSizesOfAnySize) {
  h2::End end;
  Hpack hpack;
  EXPECT_EQ(read(hpack, end.block(kFields)), kRead);
  end.table_size(0);
  EXPECT_EQ(read(hpack, end.block(kFields)), kRead);
  end.table_size(65536);
  EXPECT_EQ(read(hpack, end.block(kFields)), kRead);
  // The update to a table larger than any that is kept.
  EXPECT_EQ(read(hpack, std::string("\x3f\xff\xff\x7f", 4) + end.block(kFields)), kRead);
}

TEST(Hpack, RefusesWhatIsNoBlock) {
  for (const std::string& block :
       {std::string("\x80"), std::string("\x40\x05"), std::string("\x40\x01x\x82\xff", 5),
        std::string("\xff\xff\xff\xff\xff\xff", 6), std::string("\x82\x3f\xe1\x1f", 4)}) {
    Hpack hpack;
    EXPECT_TRUE(read(hpack, block).ends_with("invalid")) << block.size();
    hpack.lose();
    EXPECT_EQ(read(hpack, "\x82"), ":method=GET ");
  }
}

TEST(Hpack, TellsARequestFromAResponseByItsShape) {
  h2::End client, server;
  const std::string request = client.block(h2::request("/"));
  EXPECT_TRUE(hpack_shape(as_bytes(request)).request);
  EXPECT_FALSE(hpack_shape(as_bytes(request)).response);
  EXPECT_TRUE(hpack_shape(as_bytes(request)).whole);
  const std::string response = server.block(h2::answer(200));
  EXPECT_TRUE(hpack_shape(as_bytes(response)).response);
  EXPECT_FALSE(hpack_shape(as_bytes(response)).request);
  EXPECT_FALSE(hpack_shape(as_bytes("\x40\x03"
                                    "Bad\x01x"))
                   .valid);
}

}  // namespace
}  // namespace weir
