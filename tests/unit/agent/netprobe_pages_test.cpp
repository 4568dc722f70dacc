#include "agent/netprobe_pages.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

InterfaceSample sample(const std::string& name, bool active) {
  InterfaceSample made;
  made.index = 3;
  made.name = name;
  made.active = made.ever_active = active;
  return made;
}

NetprobePages::Source samples(std::vector<InterfaceSample> made) {
  return [made = std::move(made)] { return made; };
}

TEST(NetprobePages, MetricsBeforeAndAfterTheFirstCollection) {
  const NetprobeSettings settings;
  NetprobePages pages(settings, samples({sample("eth0", true), sample("eth1", false)}));
  const HttpResponse before = pages.answer({"GET", "/metrics"});
  EXPECT_EQ(before.status, 200);
  EXPECT_EQ(before.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_TRUE(before.body.ends_with("\nnetprobe_up 1\n"));
  EXPECT_EQ(count_series(before.body), 1U);
  pages.collected();
  EXPECT_EQ(count_series(pages.answer({"GET", "/metrics"}).body), 21U);
  EXPECT_EQ(pages.readings().interfaces.size(), 2U);
}

TEST(NetprobePages, TheFilterChoosesByWholeNames) {
  NetprobeSettings settings;
  settings.interface_filter = {"eth1", "absent"};
  NetprobePages pages(settings,
                      samples({sample("eth1", true), sample("eth10", true), sample("lo", true)}));
  pages.collected();
  EXPECT_EQ(pages.readings().interfaces.size(), 1U);
  const std::string page = pages.answer({"GET", "/metrics"}).body;
  EXPECT_EQ(page.find("eth10"), std::string::npos);
  EXPECT_NE(page.find("interface=\"eth1\""), std::string::npos);
}

TEST(NetprobePages, Health) {
  const NetprobeSettings settings;
  NetprobePages pages(settings, samples({}));
  pages.set_port(9090);
  pages.answer({"GET", "/metrics"});
  pages.answer({"GET", "/health"});
  pages.collected();
  for (const auto* path : {"/health", "/healthz"}) {
    const HttpResponse health = pages.answer({"GET", path});
    EXPECT_EQ(health.status, 200);
    EXPECT_EQ(health.content_type, "application/json");
    EXPECT_NE(health.body.find("\"status\": \"ok\""), std::string::npos);
    EXPECT_NE(health.body.find("\"port\": 9090,\n    \"requests\": 1,\n    \"metrics\": 3,"),
              std::string::npos)
        << health.body;
  }
}

TEST(NetprobePages, StaleWithoutCollections) {
  static Nanos now;
  now = 0;
  const NetprobeSettings settings;
  NetprobePages pages(settings, samples({}), [] { return now; });
  now += 30 * kSecond;
  EXPECT_EQ(pages.answer({"GET", "/health"}).status, 200);  // none yet, but it has just begun
  now += 1;
  const HttpResponse stale = pages.answer({"GET", "/health"});
  EXPECT_EQ(stale.status, 503);
  EXPECT_NE(stale.body.find("\"status\": \"stale\""), std::string::npos);
  pages.collected();
  EXPECT_EQ(pages.answer({"GET", "/health"}).status, 200);
}

TEST(NetprobePages, OtherPathsAndMethods) {
  NetprobeSettings settings;
  settings.path = "/other";
  NetprobePages pages(settings, samples({}));
  EXPECT_EQ(pages.answer({"GET", "/metrics"}).status, 404);
  EXPECT_EQ(pages.answer({"GET", "/other"}).status, 200);
  EXPECT_EQ(pages.answer({"HEAD", "/other"}).status, 200);
  EXPECT_NE(pages.answer({"GET", "/"}).body.find("href=\"/other\""), std::string::npos);
  EXPECT_EQ(pages.answer({"POST", "/other"}).status, 405);
  const HttpResponse options = pages.answer({"OPTIONS", "/anything"});
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.headers.front(),
            (std::pair<std::string, std::string>("Access-Control-Allow-Origin", "*")));
}

}  // namespace
}  // namespace weir
