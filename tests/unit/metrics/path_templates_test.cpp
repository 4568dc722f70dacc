#include "metrics/path_templates.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

std::string of(std::string_view path) {
  PathTemplates::Room room;
  return std::string(PathTemplates::of(path, room));
}

TEST(PathTemplates, WordsStay) {
  for (const char* path :
       {"/", "/index.html", "/user/list", "/api/v1/orders", "/a//b/", "/.well-known/acme",
        "/oauth2/token", "/pkg.Service/Method", "/static/app-2.min.js", "/s3/x-amz", "*"}) {
    EXPECT_EQ(of(path), path == std::string("*") ? "/{id}" : path);
  }
}

TEST(PathTemplates, WhatNamesOneThingIsAPlaceholder) {
  EXPECT_EQ(of("/user/42"), "/user/{id}");
  EXPECT_EQ(of("/user/42/orders/7"), "/user/{id}/orders/{id}");
  EXPECT_EQ(of("/img/42.png"), "/img/{id}.png");
  EXPECT_EQ(of("/o/3f2504e0-4f89-11d3-9a0c-0305e82c3301"), "/o/{id}");
  EXPECT_EQ(of("/commit/deadbee5"), "/commit/{id}");
  EXPECT_EQ(of("/day/2026-11-22"), "/day/{id}");
  EXPECT_EQ(of("/order/ORD-20345"), "/order/{id}");
  EXPECT_EQ(of("/mail/a@host"), "/mail/{id}");
  EXPECT_EQ(of("/name/J%C3%BCrgen"), "/name/{id}");
  EXPECT_EQ(of("/t/eyJhbGciOiJIUzI1NiIsInR5cCI6"), "/t/{id}");
}

TEST(PathTemplates, LongPathsAreCutAtASegment) {
  EXPECT_EQ(of("/a/b/c/d/e/f/g/h/i/j"), "/a/b/c/d/e/f/g/h/*");
  const std::string longest = of("/" + std::string(40, 'a') + "/" + std::string(40, 'b') + "/c");
  EXPECT_EQ(longest, "/" + std::string(40, 'a') + "/*");
  EXPECT_EQ(of("/" + std::string(100, '\xff')), "/{id}");
}

TEST(PathTemplates, OnlySoManyAreToldApart) {
  PathTemplates templates;
  EXPECT_EQ(templates.label("/nothing/here", false), "_OTHER");
  std::string_view first = templates.label("/user/1", true);
  EXPECT_EQ(first, "/user/{id}");
  for (char a = 'a'; a <= 'z'; ++a) {
    for (char b = 'a'; b <= 'z'; ++b) (void)templates.label(std::string("/") + a + b, true);
  }
  EXPECT_EQ(templates.label("/zz", true), "_OTHER");
  EXPECT_EQ(templates.label("/user/2", false).data(), first.data());
  EXPECT_EQ(templates.label("/user/2", true), "/user/{id}");
  EXPECT_EQ(templates.label("", true), "");
}

}  // namespace
}  // namespace weir
